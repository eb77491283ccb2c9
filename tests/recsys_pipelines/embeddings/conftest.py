"""A lake whose catalogs are a few titles, and an encoder that counts what it is asked."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument, parse
from data_contracts.tables import ITEMS
from recsys_pipelines.contract import schema
from recsys_pipelines.embeddings.index import Refreshed, refresh
from recsys_pipelines.lake import Lake

DAY = date(2026, 1, 31)


def catalog(**columns: Sequence[object]) -> pl.DataFrame:
    """Items from some of their columns; all others are empty, and everything is available."""
    given = pl.DataFrame(columns)
    missing = [pl.lit(None).alias(name) for name in ITEMS.names if name not in columns]
    whole = given.with_columns(missing).with_columns(available=pl.lit(True), archived=pl.lit(False))
    return whole.select(ITEMS.names).cast(schema(ITEMS))


def titled(titles: dict[str, str | None]) -> pl.DataFrame:
    return catalog(item_id=list(titles), title=pl.Series(list(titles.values()), dtype=pl.String))


class Index:
    """A tenant's index in a lake of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = Lake(DirectoryBlobs(folder / "lake"))
        self.settings: dict[str, object] = {}

    @property
    def document(self) -> TenantDocument:
        plain = {
            "schema": "recsys.tenant/1",
            "tenant": "shop",
            "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events"}]},
            "algorithms": {},
            "ranking": {},
            "surfaces": {"home": {}},
            "embeddings": self.settings,
        }
        return parse(json.dumps(plain).encode(), "test")

    def refresh(self, titles: dict[str, str | None], day: date = DAY) -> Refreshed:
        self.lake.write("items", "shop", day, titled(titles))
        return refresh(self.document, self.lake, day, folder=self.folder)

    def files(self) -> dict[str, bytes]:
        """Every file of the lake but those of the catalog."""
        paths = [path for path in sorted((self.folder / "lake").rglob("*")) if path.is_file()]
        return {
            str(path): path.read_bytes() for path in paths if "items" not in path.parts and ".store" not in str(path)
        }


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path)


@pytest.fixture(scope="session")
def items() -> SimpleNamespace:
    return SimpleNamespace(catalog=catalog, titled=titled, DAY=DAY)
