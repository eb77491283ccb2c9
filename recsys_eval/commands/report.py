"""``recsys-eval report``: the gate's verdict as pages for people."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from recsys_eval.contest import Contest, Judged
from recsys_eval.facts import Report, System
from recsys_eval.fixture import Fixture
from recsys_eval.report import system, write
from recsys_eval.spoken import say


def report(contest: Contest, fixture: Fixture, *, out: Path, title: str = "candidate") -> int:
    """The same verdict as a report for people: report.html, report.md and report.json.

    `recsys-eval report --candidate new.csv --incumbent old.csv --truth truth.csv --out report/`

    Parameters
    ----------
    out
        The folder to write into.
    title
        What was recommended where, such as shop/home.
    """
    judged = contest.judge(fixture)
    verdict, tenant, _, surface = judged.verdict, *title.partition("/")
    facts = Report(
        tenant=tenant,
        surface=surface,
        created_at=datetime.now(UTC),
        verdict=verdict,
        systems=tuple(_systems(judged)),
        samples=judged.samples,
        served=judged.served,
    )
    written = write(facts, out)
    say({"decision": verdict.decision, "reason": verdict.reason, "files": [str(path) for path in written]})
    return verdict.exit_code


def _systems(judged: Judged) -> Iterator[System]:
    yield system("candidate", "served", judged.candidate)
    if judged.incumbent is not None:
        yield system("incumbent", "incumbent", judged.incumbent)
