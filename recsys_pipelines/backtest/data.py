"""Files of others as the suite's events: the columns that options name, in the types of `tables.EVENTS`.

Ids become strings as they are written, floats that are all whole without a point. Without the column a weight is 1 and
a type ``purchase``; times are ISO 8601, or seconds or milliseconds since 1970, and all rows stand at one moment,
`UNDATED`, where the file has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from data_contracts.tables import EVENT_TYPES, EVENTS, ITEMS, Table
from recsys_eval.files import CONVERSIONS, SYNONYMS, read_table
from recsys_pipelines.backtest.errors import UnusableFile
from recsys_pipelines.contract import schema

UNDATED = datetime(2000, 1, 1, tzinfo=UTC)
DEFAULT_TYPE = "purchase"
OPTIONS = {"value": "weight", "ts": "timestamp"}  # of our columns that options call otherwise


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What the columns of a file are called; only the first two must exist."""

    user: str = "user_id"
    item: str = "item_id"
    weight: str = "weight"
    timestamp: str = "timestamp"
    type: str = "type"
    session: str = "session_id"
    order: str = "order_id"

    def sources(self) -> Mapping[str, str]:
        """By our name theirs."""
        return {
            "user_id": self.user,
            "item_id": self.item,
            "value": self.weight,
            "ts": self.timestamp,
            "type": self.type,
            "session_id": self.session,
            "order_id": self.order,
        }

    def named(self) -> set[str]:
        """By our names the columns that somebody called otherwise, and which therefore should exist."""
        usual = Columns().sources()
        return {ours for ours, theirs in self.sources().items() if theirs != usual[ours]}


def read_events(path: Path, columns: Columns, *, whole: bool = False) -> pl.DataFrame:
    """The rows of a file, or of all files in a folder by name, as events (columns of ``tables.EVENTS``), in order.

    A file that must be ``whole`` has all columns that were named. Raises ``UnusableFile``.
    """
    files = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
    if not files:
        raise UnusableFile(f"{path} holds no files")
    needed = {"user_id", "item_id"} | (columns.named() if whole else set())
    read = pl.concat([_events(file, columns, needed) for file in files])
    if read.is_empty():
        raise UnusableFile(f"{path} has no rows")
    return read


def read_candidates(path: Path, columns: Columns) -> pl.DataFrame:
    """Distinct (user_id, item_id): what may be ranked for whom."""
    return read_events(path, columns).select("user_id", "item_id").unique(maintain_order=True)


def read_items(path: Path) -> pl.DataFrame:
    """A catalog: ``item_id`` and any columns of ``tables.ITEMS``, one row per item, the last one that the file has."""
    frame = read_table(path)
    if "item_id" not in frame.columns:
        raise UnusableFile(f"{path} has no column 'item_id'; it has {', '.join(frame.columns)}")
    kinds = schema(ITEMS)
    known = [name for name in frame.columns if name in kinds]
    try:
        rows = frame.select(pl.col(name).cast(kinds[name]) for name in known)
    except pl.exceptions.PolarsError as error:
        raise UnusableFile(f"{path}: {str(error).partition(chr(10))[0]}") from error
    return catalog(rows.unique("item_id", keep="last", maintain_order=True))


def catalog(items: pl.DataFrame) -> pl.DataFrame:
    """Items with all columns of ``tables.ITEMS``: available and not archived where nothing else is said."""
    whole = _widened(items, ITEMS)
    return whole.with_columns(pl.col("available").fill_null(True), pl.col("archived").fill_null(False)).sort("item_id")


def identified(events: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[str]]:
    """The events that name a user and an item, and a line about those that do not. Raises ``UnusableFile``."""
    whole = events.drop_nulls(["user_id", "item_id"])
    if whole.is_empty():
        raise UnusableFile(f"no row of {name} names both a user and an item")
    lost = events.height - whole.height
    return whole, [f"{lost} of {events.height} rows of {name} name no user or no item and are left out"] if lost else []


def is_dated(events: pl.DataFrame) -> bool:
    """Whether the file said when things happened."""
    return bool((events["ts"] != UNDATED).any())


def _events(path: Path, columns: Columns, needed: set[str]) -> pl.DataFrame:
    frame = read_table(path)
    present = {ours: _found(frame, theirs) for ours, theirs in columns.sources().items()}
    for ours, wanted in columns.sources().items():
        if present[ours] is None and ours in needed:
            option = OPTIONS.get(ours, ours.removesuffix("_id"))
            raise UnusableFile(
                f"{path} has no column {wanted!r}; it has {', '.join(frame.columns)}: name yours with --{option}-column"
            )
    read = {ours: _read(path, frame[theirs], ours) for ours, theirs in present.items() if theirs is not None}
    return _complete(pl.DataFrame(read), path)


def _found(frame: pl.DataFrame, theirs: str) -> str | None:
    """The column of that name; `read_table` has renamed some."""
    names = (theirs, SYNONYMS.get(theirs, theirs))
    return next((name for name in names if name in frame.columns), None)


def _read(path: Path, column: pl.Series, ours: str) -> pl.Series:
    """A column in its type. Only ids may be empty; a weight is a finite number of at least 0."""
    match ours:
        case "ts":
            read, kind = _times(column), "a time (ISO 8601, or seconds or milliseconds since 1970)"
        case "value":
            number = column.cast(pl.Float64, strict=False).fill_nan(None)
            sound = number.is_finite() & (number >= 0)
            read = pl.select(pl.when(sound).then(number)).to_series()
            kind = "a weight: a finite number of at least 0"
        case "type":
            text = column.cast(pl.String)
            read = text.replace_strict({name: name for name in EVENT_TYPES}, default=None, return_dtype=pl.String)
            kind = f"an event type; there are {', '.join(EVENT_TYPES)}"
        case _:
            return CONVERSIONS["user_id"](column).replace("", None)
    if read.null_count():
        row = read.is_null().arg_max() or 0
        raise UnusableFile(f"{path}, row {row + 1}: {column.name} {str(column[row])[:100]!r} is not {kind}")
    return read


def _times(column: pl.Series) -> pl.Series:
    return CONVERSIONS["ts"](column).cast(pl.Datetime("us", "UTC"))


def _complete(read: pl.DataFrame, path: Path) -> pl.DataFrame:
    """All columns of an event."""
    whole = _widened(read, EVENTS)
    return whole.with_columns(
        pl.col("value").fill_null(1.0),
        pl.col("ts").fill_null(UNDATED),
        pl.col("type").fill_null(DEFAULT_TYPE),
        event_id=pl.format("{}:{}", pl.lit(path.name), pl.int_range(pl.len())),
    )


def _widened(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    kinds = schema(table)
    missing = [pl.lit(None, kind).alias(name) for name, kind in kinds.items() if name not in frame.columns]
    return frame.with_columns(missing).select(kinds.names())
