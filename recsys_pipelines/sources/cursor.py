"""Reading a table in steps by a column that only grows: where to begin, and which rows are landed already.

The watermark is the greatest cursor that was landed, as text. A cursor is a whole number, a text, a date or a time.
Rows that are committed with a cursor below the watermark, later than it was read, are lost to it; for times that is
what ``overlap_s`` is for. Memory grows with the rows that are read again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches

import polars as pl

from data_contracts.source_specs import Postgres
from recsys_pipelines.sources.postgres_session import Session, identifier, literal, spelled_type
from recsys_pipelines.sources.source import SchemaDrift, UnusableCursor

_TIMES = ("timestamp", "timestamptz")
_AGAIN = "remove the source's landed files to read all of it again"
_KINDS = ("int2", "int4", "int8", "text", "varchar", "date", *_TIMES)


@dataclass(frozen=True)
class Cursor:
    """A cursor column of a known Postgres ``type``; ``watermark`` is empty before the first row."""

    column: str
    type: str
    watermark: str
    overlap_s: float = 0.0

    @property
    def floor(self) -> str:
        """From where rows are read: the watermark, or ``overlap_s`` before it."""
        if not self.watermark or self.type not in {"date", *_TIMES}:
            return self.watermark
        overlap = timedelta(seconds=self.overlap_s)
        floor = datetime.fromisoformat(self.watermark) - overlap
        return floor.date().isoformat() if self.type == "date" else floor.isoformat(" ", "microseconds")

    @property
    def where(self) -> str:
        """The condition for rows that may be new, with the word WHERE."""
        bound = f"{literal(self.floor)}::{self.type}"
        return f" WHERE {identifier(self.column)} >= {bound}" if self.watermark else ""

    def order(self, columns: int) -> str:
        """The cursor and then every column, so that equal rows of it have one order too."""
        return ", ".join((identifier(self.column), *(str(at) for at in range(1, columns + 1))))

    def newest(self, rows: pl.DataFrame) -> str:
        """The cursor of the last of these ordered rows; empty if there are none."""
        return _spelled(rows[self.column][-1]) if rows.height else ""

    def record(self, newest: str) -> dict[str, str]:
        """How far the table has been read once rows up to ``newest`` are landed (empty: none were)."""
        return {"cursor": self._later(newest), "type": self.type} if newest else {}

    def reaches(self, newest: str) -> bool:
        """Whether a landed file with that last cursor can hold rows that will be read again."""
        if not self.watermark or not newest:
            return False
        return newest >= self.floor if self.type in {"date", *_TIMES} else newest == self.watermark

    def again(self, landed: pl.LazyFrame) -> pl.LazyFrame:
        """Those of the landed rows that will be read again."""
        column = pl.col(self.column)
        if self.type == "date":
            return landed.filter(column >= date.fromisoformat(self.floor))
        if self.type in _TIMES:
            return landed.filter(column >= datetime.fromisoformat(self.floor))
        return landed.filter(column.cast(pl.String) == self.watermark)

    def fresh(self, batches: Iterable[pl.DataFrame], landed: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The rows of each batch that are not among the landed ones, in every column."""
        known = pl.concat([pl.Series("row", [], pl.String), *(_texts(rows) for rows in landed)]).unique()
        for batch in batches:
            yield batch.filter(~_texts(batch).is_in(known.implode())) if len(known) else batch

    def _later(self, newest: str) -> str:
        """The greater of the watermark and a cursor that was read now: rows of an overlap, of times, lie below it."""
        return max(self.watermark, newest) if self.type in {"date", *_TIMES} else newest


def checked_cursor(
    db: Session, relation: str, settings: Postgres, *, types: Mapping[str, str], read: Mapping[str, str]
) -> Cursor:
    """The cursor, if the table can be read by it now; ``read`` is what ``Cursor.record`` said of the last pull.

    Raises ``SchemaDrift`` if the column is gone, and ``UnusableCursor`` if it cannot be ordered, if rows have none
    (they would never be read), or if all that is there lies below the watermark.
    """
    name = settings.cursor or ""
    if name not in types:
        raise SchemaDrift(db.name, f"schema drift: missing {name}, the cursor{_guess(name, types)}")
    cursor = Cursor(name, types[name], read.get("cursor", ""), settings.overlap_s)
    _require_kind(db, cursor, read.get("type", cursor.type))
    _require_known(db, relation, cursor)
    _require_growth(db, relation, cursor)
    return cursor


def _require_kind(db: Session, cursor: Cursor, before: str) -> None:
    said = f"{db.name}: the cursor {cursor.column} is of type {spelled_type(cursor.type)}"
    if cursor.type not in _KINDS:
        raise UnusableCursor(f"{said}; it has to be one of {', '.join(_KINDS)}")
    if cursor.type != before:
        raise UnusableCursor(f"{said}, and was {before}; {_AGAIN}")


def _require_known(db: Session, relation: str, cursor: Cursor) -> None:
    column = identifier(cursor.column)
    endless = f" OR NOT isfinite({column})" if cursor.type in {"date", *_TIMES} else ""
    unknown = db.value(f"SELECT count(*) FROM {relation} WHERE {column} IS NULL{endless}")
    if unknown:
        raise UnusableCursor(
            f"{db.name}: {unknown:,} rows have no {cursor.column}, so they would never be read; "
            "give them one, leave them out with `query`, or read snapshots (without `cursor`)"
        )


def _require_growth(db: Session, relation: str, cursor: Cursor) -> None:
    if not cursor.watermark:
        return
    newest = db.value(f"SELECT max({identifier(cursor.column)})::text FROM {relation}")
    beyond = f"max({identifier(cursor.column)}) >= {literal(cursor.watermark)}::{cursor.type}"
    if not db.value(f"SELECT {beyond} FROM {relation}"):
        there = f"the greatest {cursor.column} is {newest}" if newest is not None else "it has no rows"
        raise UnusableCursor(
            f"{db.name}: the cursor went backwards: it was read up to {cursor.watermark}, and now {there}; "
            f"if the table was restored or emptied, {_AGAIN}"
        )


def _guess(lost: str, names: Iterable[str]) -> str:
    found = get_close_matches(lost, names)
    return f"; perhaps it is {found[0]} now?" if found else ""


def _spelled(value: object) -> str:
    """A cursor as text: of a time always with its microseconds, so that texts are ordered as times are."""
    return value.isoformat(" ", "microseconds") if isinstance(value, datetime) else str(value)


def _texts(rows: pl.DataFrame) -> pl.Series:
    """Each row as one text that differs if any column does, also in its type."""
    exact = [pl.col(name).cast(pl.String) if dtype.is_float() else pl.col(name) for name, dtype in rows.schema.items()]
    return rows.select(row=pl.struct(*exact).struct.json_encode())["row"]
