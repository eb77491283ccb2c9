"""The verdict as one page for people: a file that needs no network, no script and no other file."""

from pathlib import Path

import jinja2

from recsys_pipelines.verdict import CheckResult, Verdict

PAGE = "quality.html"

_TEMPLATE = Path(__file__).parent / "templates" / "quality.html.j2"


def write_page(verdict: Verdict, folder: Path) -> Path:
    """Write ``quality.html`` into the folder; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE
    path.write_text(page(verdict), encoding="utf-8")
    return path


def page(verdict: Verdict) -> str:
    """The page; everything that comes from data is escaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        verdict=verdict, tables=_by_table(verdict), state=_state
    )


def _by_table(verdict: Verdict) -> dict[str, list[CheckResult]]:
    """Checks by table, those that failed first."""
    tables: dict[str, list[CheckResult]] = {}
    for check in sorted(verdict.checks, key=lambda check: (check.passed, check.severity)):
        tables.setdefault(check.table, []).append(check)
    return dict(sorted(tables.items()))


def _state(check: CheckResult) -> str:
    """What the page calls it, and how it colours it."""
    return "passed" if check.passed else "blocked" if check.blocks else "warning"
