"""The lake: Parquet tables under ``{table}/tenant={tenant}/date={day}/{part}.parquet``, on a directory or on S3.

A partition is replaced as a whole, never appended to, and its bytes depend on its rows and their order alone; so a step
that writes sorted rows may run again and change nothing. Small records (ledgers, verdicts) stand beside the tables as
JSON. Where ``day`` is None, the table or record belongs to the tenant and to no day.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import polars as pl

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobError, BlobMissing
from data_contracts.layout import segment
from data_contracts.tables import TABLES
from recsys_pipelines.contract import schema

Record = TypeVar("Record")

WRITERS = 8  # threads that write parts at the same time; they wait for the store, more than they compute
_ROW_GROUP = 128 * 1024
_SCHEMAS = {table.name: schema(table) for table in TABLES}


class MissingPartition(BlobError):
    """The lake has no such table on that day."""


class Stored(NamedTuple):
    """One part of a partition."""

    table: str
    day: date | None
    part: str


class Lake:
    """Tables and records of all tenants on one blob store."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._folder = None if "://" in blobs.url else Path(blobs.url)

    @property
    def url(self) -> str:
        """Where it is, for people."""
        return self._blobs.url

    def write(self, table: str, tenant: str, day: date | None, frame: pl.DataFrame, *, part: str = "part") -> bool:
        """Put ``frame`` in the place of that part; False if the very same bytes stood there already.

        Raises ``BlobChanged`` if somebody else replaced it in the meantime.
        """
        buffer = io.BytesIO()
        frame.rechunk().write_parquet(buffer, compression="zstd", compression_level=3, row_group_size=_ROW_GROUP)
        return self._replace(_key(table, tenant, day, part), buffer.getvalue())

    def read(self, table: str, tenant: str, day: date | None, *, part: str = "part") -> pl.DataFrame:
        """One part. Raises ``MissingPartition`` that names the days there are."""
        key = _key(table, tenant, day, part)
        if self._blobs.size(key) is None:
            raise MissingPartition(
                f"the lake has no {key}; {table} of {tenant!r} has {_named(self.days(table, tenant))}"
            )
        return self._scan([key]).collect()

    def scan(self, table: str, tenant: str, days: Iterable[date], *, part: str = "part") -> pl.LazyFrame:
        """The rows of several days in their order, read when they are needed; days without a partition have none."""
        there = set(self.days(table, tenant))
        keys = [_key(table, tenant, day, part) for day in days if day in there]
        return self._scan(keys) if keys else pl.LazyFrame(schema=_SCHEMAS.get(table))

    def scan_parts(self, parts: Sequence[Stored], tenant: str) -> pl.LazyFrame:
        """The rows of these parts, in their order; all must exist and have the same columns."""
        return self._scan([_key(part.table, tenant, part.day, part.part) for part in parts])

    def window(
        self,
        table: str,
        tenant: str,
        start: datetime,
        end: datetime,
        *,
        columns: Sequence[str] | None = None,
        where: Sequence[pl.Expr] = (),
    ) -> pl.DataFrame:
        """The rows of a table with a ``ts`` from ``start`` until before ``end`` (both aware), by day.

        Only ``columns`` (default: all) are held in memory, of the rows for which all of ``where`` is true; ``daily``
        holds less.
        """
        days = self.daily(table, tenant, start, end, where=where)
        rows = self.scan(table, tenant, days.days).filter(*days.within)
        return rows.select(columns or pl.all()).collect()

    def daily(
        self, table: str, tenant: str, start: datetime, end: datetime, *, where: Sequence[pl.Expr] = ()
    ) -> "Daily":
        """The same rows, one frame for each day that has some, so that a day may be let go before the next is read."""
        first, last = start.astimezone(UTC).date(), (end.astimezone(UTC) - timedelta(microseconds=1)).date()
        days = [day for day in self.days(table, tenant) if first <= day <= last]
        return Daily(self, table, tenant, days, start=start, end=end, where=where)

    def days(self, table: str, tenant: str) -> list[date]:
        """The days that have a partition, in order."""
        return sorted({part.day for part in self.parts(table, tenant) if part.day is not None})

    def parts(self, table: str, tenant: str) -> Iterator[Stored]:
        """Every part of a table that is stored, also those that belong to no day."""
        prefix = _prefix(table, tenant)
        for entry in self._blobs.entries(prefix):
            *day, name = entry.key.removeprefix(prefix).split("/")
            if name.endswith(".parquet"):
                yield Stored(table, _day(day), name.removesuffix(".parquet"))

    def delete(self, stored: Stored, tenant: str) -> None:
        """Remove one part; removing what is not there is no error."""
        self._blobs.delete(_key(stored.table, tenant, stored.day, stored.part))

    def read_json(self, kind: str, tenant: str, day: date | None, type: type[Record]) -> Record | None:
        """The record of that kind, or None if there is none. Raises ``msgspec.ValidationError`` for a foreign one."""
        return self.read_tagged_json(kind, tenant, day, type)[0]

    def read_tagged_json(
        self, kind: str, tenant: str, day: date | None, type: type[Record]
    ) -> tuple[Record | None, str | None]:
        """The record and the tag that ``swap_json`` asks for; both None if none was written."""
        try:
            found = self._blobs.read_tagged(_record_key(kind, tenant, day))
        except BlobMissing:
            return None, None
        assert found is not None  # no tag was given that could still be the newest
        return msgspec.json.decode(found.body, type=type), found.tag

    def write_json(self, kind: str, tenant: str, day: date | None, record: Any) -> bool:
        """Put the record in the place of the one there was; False if the very same one stood there already."""
        return self._replace(_record_key(kind, tenant, day), _json(record))

    def record_days(self, kind: str, tenant: str) -> list[date]:
        """The days that have a record of that kind, in order."""
        prefix = _prefix(kind, tenant)
        folders = (entry.key.removeprefix(prefix).split("/") for entry in self._blobs.entries(prefix))
        return sorted(day for *above, name in folders if name == f"{kind}.json" and (day := _day(above)))

    def swap_json(self, kind: str, tenant: str, day: date | None, record: Any, *, tag: str | None) -> None:
        """Write if nobody has written since ``tag`` was read. Raises ``BlobChanged``."""
        self._blobs.replace(_record_key(kind, tenant, day), _json(record), tag)

    def _replace(self, key: str, body: bytes) -> bool:
        try:
            stored = self._blobs.read_tagged(key)
        except BlobMissing:
            stored = None
        if stored is not None and stored.body == body:
            return False
        self._blobs.replace(key, body, stored.tag if stored else None)
        return True

    def _scan(self, keys: Sequence[str]) -> pl.LazyFrame:
        if self._folder is not None:
            paths = [self._folder / key for key in keys]
            return pl.scan_parquet(paths, hive_partitioning=False, glob=False)
        return pl.concat([pl.scan_parquet(io.BytesIO(self._blobs.read(key))) for key in keys])


@dataclass(frozen=True)
class Daily:
    """The rows of one table from ``start`` until before ``end``, day by day, as often as one asks for them.

    A remote day comes over the network when its turn is, and is held in memory as it is stored.
    """

    lake: Lake
    table: str
    tenant: str
    days: Sequence[date]
    _: KW_ONLY
    start: datetime
    end: datetime
    where: Sequence[pl.Expr] = ()  # and only rows for which these are true

    def __iter__(self) -> Iterator[pl.LazyFrame]:
        for day in self.days:
            yield self.lake.scan_parts([Stored(self.table, day, "part")], self.tenant).filter(*self.within)

    @property
    def within(self) -> tuple[pl.Expr, ...]:
        """True for the rows that belong to it."""
        return pl.col("ts") >= self.start, pl.col("ts") < self.end, *self.where


def _prefix(table: str, tenant: str) -> str:
    return f"{segment(table, 'table')}/tenant={segment(tenant, 'tenant')}/"


def _folder(table: str, tenant: str, day: date | None) -> str:
    return _prefix(table, tenant) + ("" if day is None else f"date={day.isoformat()}/")


def _key(table: str, tenant: str, day: date | None, part: str) -> str:
    return f"{_folder(table, tenant, day)}{segment(part, 'part')}.parquet"


def _record_key(kind: str, tenant: str, day: date | None) -> str:
    return f"{_folder(kind, tenant, day)}{kind}.json"


def _day(folders: Sequence[str]) -> date | None:
    return date.fromisoformat(folders[0].removeprefix("date=")) if folders else None


def _named(days: Sequence[date]) -> str:
    return f"{len(days)} days from {days[0]} to {days[-1]}" if days else "no days"


def _json(record: Any) -> bytes:
    plain = msgspec.to_builtins(record, str_keys=True)
    return msgspec.json.format(msgspec.json.encode(plain, order="deterministic"), indent=1)
