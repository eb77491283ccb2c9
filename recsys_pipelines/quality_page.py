"""The verdict as one HTML page that needs no network: what came in, what was refused and why, which checks failed."""

from pathlib import Path

import jinja2

from recsys_pipelines.verdict import Verdict

TEMPLATES = Path(__file__).parent / "templates"


def write_page(verdict: Verdict, folder: Path) -> Path:
    """Write ``quality.html`` into the folder; the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "quality.html"
    path.write_text(page(verdict), encoding="utf-8")
    return path


def page(verdict: Verdict) -> str:
    """The page; everything that came from data is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return environment.get_template("quality.html.j2").render(verdict=verdict)
