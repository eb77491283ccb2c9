"""A tenant with files of its own: written, landed and settled, day after day."""

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument, parse
from recsys_pipelines.ingest import land, settle
from recsys_pipelines.lake import Lake
from recsys_pipelines.sources.source import Place


class Shop:
    """``run(day)`` lands and settles what is in the folder, as the job of that day of January 2026 would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sources"
        self.lake_folder = folder / "lake"
        self.lake = Lake(DirectoryBlobs(self.lake_folder))
        self.document = document()
        (self.folder / "events").mkdir(parents=True)
        (self.folder / "items").mkdir()

    def write(self, name: str, *lines: str) -> None:
        (self.folder / name).write_text("\n".join(lines) + "\n")

    def events(self, name: str, *rows: str) -> None:
        """Rows such as ``2026-01-02T10:00:00Z view ann - milk``; a dash is nothing."""
        said = [row.replace("-", "", row.count(" - ")).split(" ") if " - " in row else row.split(" ") for row in rows]
        lines = [f"{name}-{number},{','.join(words)}" for number, words in enumerate(said)]
        self.write(f"events/{name}.csv", "event_id,ts,type,user_id,anonymous_id,item_id", *lines)

    def sources(self, **sources: Any) -> None:
        """Change what the document says about sources."""
        self.document = document(sources={"items": [{"path": "items"}], "events": [{"path": "events"}]} | sources)

    def run(self, day: int) -> None:
        now = datetime(2026, 1, day, 23, tzinfo=UTC)
        land(self.document, Place("shop", self.folder, {}), self.lake, now=now)
        settle(self.document, self.lake, until=date(2026, 1, day))

    def items(self, day: int) -> pl.DataFrame:
        return self.lake.read("items", "shop", date(2026, 1, day))

    def rows(self, day: int, *columns: str) -> list[tuple[Any, ...]]:
        return self.items(day).select("item_id", *columns).rows()

    def tree(self, *without: str) -> dict[str, str]:
        """The digest of every canonical file of the lake."""
        files = (path for path in self.lake_folder.rglob("*") if path.is_file() and ".store" not in path.parts)
        named = {path.relative_to(self.lake_folder).as_posix(): path for path in files}
        left_out = ("staged_", "refused_", "ledger", "settled", "rejected", *without)
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in named.items()
            if not name.startswith(left_out)
        }


def document(**changes: Any) -> TenantDocument:
    plain = {
        "schema": "recsys.tenant/1",
        "tenant": "shop",
        "sources": {"items": [{"path": "items"}], "events": [{"path": "events"}]},
        "algorithms": {},
        "ranking": {},
        "surfaces": {"home": {}},
    }
    return parse(json.dumps(plain | changes).encode(), "test")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)
