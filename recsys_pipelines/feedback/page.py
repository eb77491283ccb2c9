"""What became of what was shown, as one page for people: a file that needs no network, no script and no other file."""

from collections.abc import Mapping
from pathlib import Path

import jinja2

from recsys_pipelines.feedback.business import Business

PAGE = "feedback.html"
KINDS = {"returns": "purchases", "unavailable_clicks": "clicks"}

_TEMPLATE = Path(__file__).parents[1] / "templates" / "feedback.html.j2"


def write_page(business: Business, charts: Mapping[str, str], folder: Path) -> Path:
    """Write ``feedback.html`` into the folder; its path. ``charts`` are drawings (SVG elements) by heading."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE
    path.write_text(page(business, charts), encoding="utf-8")
    return path


def page(business: Business, charts: Mapping[str, str]) -> str:
    """The page; everything that comes from data is escaped, the drawings are not."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["share"] = _share
    environment.filters["money"] = lambda minor: "-" if minor is None else f"{minor / 100:,.2f} {business.currency}"
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        business=business,
        rows=business.today.to_dicts(),
        bad_by_surface=business.bad_by_surface.to_dicts(),
        worst_items=business.worst_items.to_dicts(),
        kinds=KINDS,
        charts=charts,
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"
