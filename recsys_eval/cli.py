"""The ``recsys-eval`` command: measure, gate and report recommendations that any engine wrote into files.

JSON goes to standard output and nothing else does. Exit codes: 0 promoted (or done), 2 rejected, suspicious or invalid,
3 ungated, 1 error or wrong usage.
"""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from data_contracts.errors import ContractError
from recsys_eval.contest import Contest, Fixture
from recsys_eval.errors import EvaluationError, InvalidFrame
from recsys_eval.facts import Report
from recsys_eval.files import read_table, write_table
from recsys_eval.frames import checked_catalog, checked_recs, checked_train, checked_truth
from recsys_eval.report import read, system, write
from recsys_eval.splits import Split, last_k_split, refuse_leak, time_split
from recsys_eval.verdict import ERROR_EXIT_CODE

FILES = """\
Files are CSV, JSON lines or Parquet (.csv, .jsonl, .parquet; the first two also .gz), with these columns:

- recs: user_id, item_id, rank (from 1), and optionally score
- truth: user_id, item_id; one row per item that the user really chose
- train: user_id, item_id; what was known before (gives novelty and long-tail share)
- catalog: item_id, and optionally category or tags (gives coverage, Gini and diversity)
- events: user_id, item_id, ts (ISO 8601 or epoch seconds; may be called timestamp)
"""
INVALID_EXIT_CODE = 2

app = App(
    name="recsys-eval",
    help=f"Measure recommendations, compare them with those you serve, and stop a release that is worse.\n\n{FILES}",
    help_format="markdown",
)


@app.command
def metrics(
    *,
    recs: Path,
    fixture: Fixture,
    k: Annotated[tuple[int, ...], Parameter(negative="")] = (10,),
    per_user: Path | None = None,
) -> int:
    """All metrics of one set of recommendations.

    `recsys-eval metrics --recs recs.csv --truth truth.csv --catalog items.csv --k 5 --k 10`

    Parameters
    ----------
    recs
        Recommendations: user_id, item_id, rank.
    k
        Length of the lists that are looked at; may be repeated.
    per_user
        Also write one row per user to this file.
    """
    measured = fixture.measure(recs, k)
    if per_user is not None:
        write_table(measured.per_user, per_user)
    summary = {name: round(value, 12) for name, value in measured.summary.items()}  # the same on any machine
    return _say({"users": measured.per_user.height, "metrics": summary})


@app.command
def gate(contest: Contest, fixture: Fixture) -> int:
    """Whether a candidate may replace the incumbent: exit code 0 promoted, 2 rejected or suspicious, 3 ungated.

    Both are measured on the same truth. The difference per user is bootstrapped; a candidate is rejected if it is
    certainly worse, covers much less of the catalog, or leaves more users without any recommendation.

    `recsys-eval gate --candidate new.csv --incumbent old.csv --truth truth.csv --catalog items.csv`
    """
    verdict, _, _ = contest.judge(fixture)
    _say(verdict)
    return verdict.exit_code


@app.command
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
    verdict, candidate, incumbent = contest.judge(fixture)
    systems = [system("candidate", "served", candidate)]
    if incumbent is not None:
        systems.append(system("incumbent", "incumbent", incumbent))
    tenant, _, surface = title.partition("/")
    facts = Report(
        tenant=tenant, surface=surface, created_at=datetime.now(UTC), verdict=verdict, systems=tuple(systems)
    )
    written = write(facts, out)
    _say({"decision": verdict.decision, "reason": verdict.reason, "files": [str(path) for path in written]})
    return verdict.exit_code


@app.command
def render(facts: Path, *, out: Path) -> int:
    """Write the pages of a report again from its JSON.

    `recsys-eval render report.json --out report/`

    Parameters
    ----------
    facts
        A report.json, as `report` or the pipeline wrote it.
    out
        The folder to write into.
    """
    return _say({"files": [str(path) for path in write(read(facts), out)]})


@app.command
def split(events: Path, *, train: Path, test: Path, cut: datetime | None = None, last_k: int | None = None) -> int:
    """Split events by time, or hold out each user's last ones.

    `recsys-eval split events.csv --cut 2026-03-22T00:00:00Z --train train.parquet --test test.parquet`

    Parameters
    ----------
    events
        What happened: user_id, item_id, ts.
    train
        The file to write for training.
    test
        The file to write for testing.
    cut
        All before it is train, the rest is test; UTC if it has no offset.
    last_k
        Instead of a cut: hold out this many events of each user. Other users' future stays in train.
    """
    if (cut is None) == (last_k is None):
        raise InvalidFrame("say either --cut TIME or --last-k COUNT")
    rows = read_table(events)
    parts = time_split(rows, _aware(cut)) if cut else last_k_split(rows, last_k or 0)
    for name, part in parts._asdict().items():
        if part.is_empty():
            raise InvalidFrame(f"{name} would have no rows of the {rows.height} in {events}; nothing was written")
    write_table(parts.train, train)
    write_table(parts.test, test)
    return _say({"train": parts.train.height, "test": parts.test.height})


CHECKED: Mapping[str, Any] = {
    "recs": checked_recs,
    "truth": checked_truth,
    "train": checked_train,
    "catalog": checked_catalog,
}


@app.command
def validate(
    *,
    recs: Path | None = None,
    truth: Path | None = None,
    train: Path | None = None,
    catalog: Path | None = None,
    test: Path | None = None,
    cut: datetime | None = None,
) -> int:
    """Whether files are what they should be, and whether a split leaks: exit code 0 valid, 2 not.

    `recsys-eval validate --recs recs.csv --truth truth.csv`

    `recsys-eval validate --train train.parquet --test test.parquet --cut 2026-03-22T00:00:00Z`

    Parameters
    ----------
    recs
        Recommendations: user_id, item_id, rank.
    truth
        What users really chose: user_id, item_id.
    train
        What was known before: user_id, item_id, and ts to find leaks.
    catalog
        All that could be recommended: item_id.
    test
        Events that are predicted: user_id, item_id, ts.
    cut
        Where train ends and test begins; needs both.
    """
    given = {"recs": recs, "truth": truth, "train": train, "catalog": catalog}
    problems = {name: _problem(name, path) for name, path in given.items() if path is not None}
    if cut is not None:
        problems["split"] = _leak(train, test, _aware(cut))
    if not problems:
        raise InvalidFrame("there is nothing to validate; name at least one file, such as --recs recs.csv")
    found = {name: problem for name, problem in problems.items() if problem}
    _say({"valid": not found, "checked": list(problems), "problems": found})
    return INVALID_EXIT_CODE if found else 0


def main(arguments: list[str] | None = None) -> None:
    """The entry point: a mistake of the user is one line on standard error and exit code 1."""
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, EvaluationError, ContractError, OSError) as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", markup=False, highlight=False)
        sys.exit(ERROR_EXIT_CODE)
    sys.exit(code if isinstance(code, int) else 0)


def _problem(name: str, path: Path) -> str | None:
    try:
        CHECKED[name](read_table(path))
    except EvaluationError as error:
        return str(error)
    return None


def _leak(train: Path | None, test: Path | None, cut: datetime) -> str | None:
    if train is None or test is None:
        raise InvalidFrame("--cut needs both --train and --test")
    try:
        refuse_leak(Split(read_table(train), read_table(test)), cut)
    except EvaluationError as error:
        return str(error)
    return None


def _say(facts: object) -> int:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(facts), indent=2).decode() + "\n")
    return 0


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)
