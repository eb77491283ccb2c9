"""A table or query of a Postgres database as a source, copied to the landing area as Parquet.

Without a cursor, each pull is one consistent snapshot, ordered by all columns, that takes the place of the one before
when it is complete; if nothing changed, its files are the same files. With a cursor, a pull brings the rows beyond the
watermark, in the cursor's order, and counts after each file, so that one that died goes on where it stopped.

Rows *at* the watermark (and ``overlap_s`` before it) are read again, since others with the same value may have been
committed after it was read; of those, the ones that are landed already in every column are dropped. So a row is landed
once, and a row that was changed is landed again only if the cursor says so.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from data_contracts.source_specs import Postgres
from recsys_pipelines.sources.cursor import Cursor, checked_cursor
from recsys_pipelines.sources.landed import Landed, LandedPart, LandedSource, Watermark, source_name
from recsys_pipelines.sources.postgres_session import Session, projection, quoted, session, spelled_type
from recsys_pipelines.sources.source import Part, Pulled
from recsys_pipelines.sources.variables import expanded

_TYPES = "postgres.types"  # where a landed file says what its columns are in the database


class _Piece(NamedTuple):
    """Rows to land, and the file's number in the record."""

    rows: pl.DataFrame
    number: int


@dataclass(frozen=True)
class PostgresSource(LandedSource):
    """One table or query of a tenant's database."""

    @property
    def name(self) -> str:
        table = self._settings
        identity = {"url": table.url, "table": table.table, "query": table.query, "cursor": table.cursor or ""}
        return source_name(table.table or "query", identity)

    def columns(self, part: Part) -> dict[str, str]:
        """Every column of one landed file with its type in the database. Raises ``BadPart``."""
        with self._file(part) as path:
            said = pl.read_parquet_metadata(path).get(_TYPES)
        return msgspec.json.decode(said, type=dict[str, str]) if said else super().columns(part)

    def pull(self, now: datetime) -> Pulled:
        """Land what is new and remember how far. Raises ``BadPart``, ``Unreachable``, ``UnusableCursor``."""
        landed = self.landed
        before, tag = landed.record()
        url = expanded(self._settings.url, self.place.environ, what=f"the url of {self._table}")
        with session(url, self._table) as db, tempfile.TemporaryDirectory() as folder:
            copy = _Copy(self._settings, landed, db, Path(folder))
            record, tag = copy.snapshot(before, tag) if self._settings.cursor is None else copy.newer(before, tag)
        landed.sweep(record, now, before=before)
        return _pulled(self.name, before or Watermark(), record)

    @property
    def _settings(self) -> Postgres:
        assert self.spec.postgres is not None  # `opening` asks no other source
        return self.spec.postgres

    @property
    def _table(self) -> str:
        """What messages are about: the table as the document names it, or the query's name."""
        return self._settings.table or self.name


@dataclass(frozen=True)
class _Copy:
    """One pull."""

    settings: Postgres
    landed: Landed
    db: Session
    folder: Path

    def snapshot(self, before: Watermark | None, tag: str | None) -> tuple[Watermark, str | None]:
        """The whole table in the place of what was landed before; the record stays if the files do."""
        types = self.db.types(self._relation)
        order = ", ".join(str(at) for at in range(1, len(types) + 1))
        sql = f"SELECT {projection(types)} FROM {self._relation} ORDER BY {order}"
        batches = enumerate(self.db.batches(sql, self.settings.batch_rows))
        record = Watermark(files=tuple(self._stored(_Piece(rows, number), types) for number, rows in batches))
        return (record, tag) if record == before else (record, self.landed.swap(record, tag))

    def newer(self, before: Watermark | None, tag: str | None) -> tuple[Watermark, str | None]:
        """What is beyond the watermark, added to what was landed before, file by file."""
        types = self.db.types(self._relation)
        record = before or Watermark()
        cursor = checked_cursor(self.db, self._relation, self.settings, types=types, read=record.read)
        sql = f"SELECT {projection(types)} FROM {self._relation}{cursor.where} ORDER BY {cursor.order(len(types))}"
        for rows in cursor.fresh(self.db.batches(sql, self.settings.batch_rows), self._recent(record, cursor)):
            if rows.is_empty() and record.files:
                continue
            newest = cursor.newest(rows)
            file = self._stored(_Piece(rows, len(record.files)), types, newest)
            record = Watermark(files=(*record.files, file), read=record.read | cursor.record(newest))
            tag = self.landed.swap(record, tag)
        return record, tag

    def _recent(self, record: Watermark, cursor: Cursor) -> Iterator[pl.DataFrame]:
        """The landed rows that will be read again."""
        for file in record.files:
            if cursor.reaches(file.newest):
                with self.landed.file(file.name) as path:
                    yield cursor.again(pl.scan_parquet(path, glob=False)).collect()

    def _stored(self, piece: _Piece, types: dict[str, str], newest: str = "") -> LandedPart:
        path = self.folder / "rows.parquet"
        said = msgspec.json.encode({name: spelled_type(type) for name, type in types.items()}).decode()
        piece.rows.write_parquet(path, compression="zstd", metadata={_TYPES: said})
        return self.landed.store(path, stem=f"{piece.number:06d}", rows=piece.rows.height, newest=newest)

    @property
    def _relation(self) -> str:
        query = self.settings.query.strip().rstrip(";")
        return f"({query}) AS asked" if query else quoted(self.settings.table)


def _pulled(name: str, before: Watermark, after: Watermark) -> Pulled:
    known = {file.name for file in before.files}
    new = [file for file in after.files if file.name not in known]
    watermark = after.read.get("cursor") or f"{sum(file.rows for file in after.files)} rows"
    return Pulled(source=name, rows=sum(file.rows for file in new), files=len(new), dead_letters=0, watermark=watermark)
