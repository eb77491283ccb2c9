"""How a check says what it saw: one number, the limit of it, and words that name what is wrong and what to do."""

from typing import NamedTuple, cast

from data_contracts.policies import Checks
from recsys_pipelines.ledger import TableName
from recsys_pipelines.quality.names import severity
from recsys_pipelines.verdict import EXAMPLES, CheckResult


class Seen(NamedTuple):
    """``observed`` may be as large as ``limit``; ``files`` at fault and ``examples`` of what is wrong, worst first."""

    observed: float
    limit: float
    detail: str
    files: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


def result(name: str, checks: Checks, seen: Seen) -> CheckResult:
    """The result of the check of that name, with the severity that the document gives it."""
    passed = seen.observed <= seen.limit
    return CheckResult(
        name=name,
        table=cast("TableName", name.partition(".")[0]),
        severity=severity(name, checks),
        passed=passed,
        observed=seen.observed,
        limit=seen.limit,
        detail=seen.detail,
        files=() if passed else seen.files,
        examples=tuple(dict.fromkeys(seen.examples))[:EXAMPLES],
    )


def share(part: float, whole: float) -> float:
    """``part / whole``, and 0 of nothing."""
    return part / whole if whole else 0.0
