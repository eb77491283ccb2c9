"""The index as one page for people: how well it is, and what a sample of items is close to."""

from pathlib import Path

import jinja2
import polars as pl

from recsys_pipelines.embeddings.index import IndexRecord

PAGE = "embeddings.html"

_TEMPLATE = Path(__file__).parents[1] / "templates" / "embeddings.html.j2"


def write_page(tenant: str, record: IndexRecord, sample: pl.DataFrame, folder: Path) -> Path:
    """Write ``embeddings.html`` into the folder; its path. ``sample`` is that of `neighbors.spot_check`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE
    path.write_text(page(tenant, record, sample), encoding="utf-8")
    return path


def page(tenant: str, record: IndexRecord, sample: pl.DataFrame) -> str:
    """The page; everything that comes from data is escaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(tenant=tenant, record=record, rows=sample.to_dicts())
