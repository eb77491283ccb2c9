"""The rules of the contract over all rows of a batch: counted when each file was landed, so that nothing is read again.

A row that is another copy of an event is judged by none of them (`recsys_pipelines.quality.duplicates` counts it).
"""

from collections.abc import Iterator, Sequence

from recsys_pipelines.contract import Rule
from recsys_pipelines.ledger import LANDED, LandedFile, TableName
from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.results import Seen, result, share
from recsys_pipelines.suites import row_rules
from recsys_pipelines.verdict import CheckResult, Reason


def rule_checks(table: TableName, case: Case) -> Iterator[CheckResult]:
    """One check per rule of a table's rows."""
    limit = case.checks.maximum_rejected_share
    for rule in row_rules(LANDED[table]):
        yield result(rule.key, case.checks, _seen(rule, case, limit))


def judged(file: LandedFile) -> int:
    """How many rows of a file the rules are about: all but further copies."""
    return file.accepted + file.rejected


def broken(files: Sequence[LandedFile], rule: Rule) -> int:
    """How many rows of these files break the rule."""
    return sum(file.rules.get(rule.key, 0) for file in files)


def _seen(rule: Rule, case: Case, limit: float) -> Seen:
    """The exact share of rows, with the files at fault and the values as their sources wrote them."""
    files = [file for file in case.batch if file.table == rule.table]
    bad, rows = broken(files, rule), sum(map(judged, files))
    because = [why for file in files for why in _because(case.reasons[file.id], rule)]
    return Seen(
        observed=share(bad, rows),
        limit=limit,
        detail=f"{rule.text}: {bad:,} of {rows:,} rows break it ({share(bad, rows):.1%}), at most {limit:.1%} may",
        files=_at_fault(files, rule, limit),
        examples=tuple(value for why in because for value in why.examples),
    )


def _because(reasons: Sequence[Reason], rule: Rule) -> list[Reason]:
    return [why for why in reasons if why.rule == rule.text]


def _at_fault(files: Sequence[LandedFile], rule: Rule, limit: float) -> tuple[str, ...]:
    """The files that alone break the rule too often, else those that break it at all."""
    over = [file for file in files if broken([file], rule) > limit * judged(file)]
    return tuple(file.file for file in over or files if broken([file], rule))
