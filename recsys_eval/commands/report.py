"""``recsys-eval report``: the gate's verdict as pages for people."""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from data_contracts.manifest import Lineage
from recsys_eval.contest import Contest, Judged
from recsys_eval.facts import Quality, Report, System, TableQuality
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
        train=judged.train,
        test=judged.test,
        quality=Quality(tables=tuple(TableQuality(table=name, rows=rows) for name, rows in judged.rows.items())),
        samples=judged.samples,
        served=judged.served,
        lineage=_lineage(contest, fixture),
    )
    written = write(facts, out)
    say({"decision": verdict.decision, "reason": verdict.reason, "files": [str(path) for path in written]})
    return verdict.exit_code


def _lineage(contest: Contest, fixture: Fixture) -> Lineage:
    """Fingerprints of the files, in the order of their options, and of the gate."""
    given = (contest.candidate, contest.incumbent, contest.repeat, fixture.truth, fixture.train, fixture.catalog)
    digests = [sha256(path.read_bytes()).hexdigest() for path in (*given, *fixture.labels) if path is not None]
    return Lineage(
        data_fingerprint=sha256("\n".join(digests).encode()).hexdigest(),
        config_hash=sha256(msgspec.json.encode(contest.limits())).hexdigest(),
    )


def _systems(judged: Judged) -> Iterator[System]:
    yield system("candidate", "served", judged.candidate)
    if judged.incumbent is not None:
        yield system("incumbent", "incumbent", judged.incumbent)
