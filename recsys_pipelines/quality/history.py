"""What the checks said on earlier days: the verdicts that stand in the lake, as strips for people."""

from collections.abc import Sequence
from datetime import date
from typing import Literal, NamedTuple

from recsys_pipelines.lake import Lake
from recsys_pipelines.verdict import CheckResult, Verdict, read_verdict

MOST = 30  # verdicts in a strip
State = Literal["passed", "warning", "blocked"]


class Mark(NamedTuple):
    """One check on one day; ``level`` is its number from 0 to 1, where 1 is the largest of the strip and its limits."""

    day: date
    state: State
    level: float


class Strip(NamedTuple):
    """One check over several days, oldest first; ``limit`` on the scale of the levels."""

    marks: tuple[Mark, ...]
    limit: float

    @property
    def text(self) -> str:
        """What it shows, in words."""
        failed = [f"{mark.day} {mark.state}" for mark in self.marks if mark.state != "passed"]
        return f"{len(self.marks)} verdicts: {', '.join(failed) or 'all passed'}"


def verdicts(lake: Lake, tenant: str, day: date, most: int = MOST) -> list[Verdict]:
    """The newest verdicts until that day, oldest first."""
    days = [each for each in lake.record_days("verdicts", tenant) if each <= day]
    return [verdict for each in days[-most:] if (verdict := read_verdict(lake, tenant, each))]


def strips(past: Sequence[Verdict]) -> dict[str, Strip]:
    """For every check of the newest verdict, what it said in all of them."""
    if not past:
        return {}
    said: dict[str, list[tuple[date, CheckResult]]] = {}
    for verdict in past:
        for check in verdict.checks:
            said.setdefault(check.name, []).append((verdict.day, check))
    return {check.name: _strip(said[check.name]) for check in past[-1].checks}


def state(check: CheckResult) -> State:
    """What came of it."""
    return "passed" if check.passed else "blocked" if check.blocks else "warning"


def _strip(said: Sequence[tuple[date, CheckResult]]) -> Strip:
    limit = said[-1][1].limit
    top = max(limit, *(check.observed for _, check in said)) or 1.0
    return Strip(tuple(Mark(day, state(check), check.observed / top) for day, check in said), limit / top)
