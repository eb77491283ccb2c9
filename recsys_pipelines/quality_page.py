"""The verdict as one page for people: a file that needs no network, no script and no other file."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import jinja2

from recsys_pipelines.quality.history import state as state_of
from recsys_pipelines.quality.history import strips
from recsys_pipelines.verdict import CheckResult, FileVerdict, Verdict

PAGE = "quality.html"

_TEMPLATE = Path(__file__).parent / "templates" / "quality.html.j2"


def write_page(verdict: Verdict, folder: Path, past: Sequence[Verdict] = ()) -> Path:
    """Write ``quality.html`` into the folder; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE
    path.write_text(page(verdict, past), encoding="utf-8")
    return path


def page(verdict: Verdict, past: Sequence[Verdict] = ()) -> str:
    """The page; ``past`` are verdicts until this one, oldest first. Everything that comes from data is escaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    earlier = [each for each in past if each.day < verdict.day]
    failed = sorted((check for check in verdict.checks if not check.passed), key=lambda each: each.severity)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        verdict=verdict,
        verdicts=[*earlier, verdict],
        failed=failed,
        odd=[file for file in verdict.files if not _is_whole(file)],
        even=[file for file in verdict.files if _is_whole(file)],
        tables=_by_table(check for check in verdict.checks if check.passed),
        strips=strips([*earlier, verdict]),
        state=state_of,
    )


def _is_whole(file: FileVerdict) -> bool:
    return file.passed and file.accepted == file.rows


def _by_table(checks: Iterable[CheckResult]) -> dict[str, list[CheckResult]]:
    tables: dict[str, list[CheckResult]] = {}
    for check in checks:
        tables.setdefault(check.table, []).append(check)
    return dict(sorted(tables.items()))
