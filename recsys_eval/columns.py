"""Columns of tables that come from files: ids as text, numbers, times, and errors that name the first bad row."""

from collections.abc import Sequence

import polars as pl

from recsys_eval.errors import InvalidFrame
from recsys_eval.frames import need

LARGEST = 1e50  # squares of squares of what is larger would not be numbers any more


def as_ids(frame: pl.DataFrame, table: str, columns: Sequence[str]) -> pl.DataFrame:
    """The frame with these columns as text. Raises ``InvalidFrame`` where one is missing or empty."""
    need(frame, table, columns)
    for column in columns:
        kind = frame.schema[column]
        if kind.is_nested() or kind in (pl.Binary, pl.Duration):
            raise InvalidFrame(f"{table}.{column} is {kind}; ids are text or whole numbers")
    texts = frame.with_columns(pl.col(column).cast(pl.String) for column in columns)
    for column in columns:
        _refuse(texts, f"{table}.{column}", pl.col(column).is_null() | (pl.col(column) == ""), "is empty")
    return texts


def as_numbers(frame: pl.DataFrame, table: str, columns: Sequence[str]) -> pl.DataFrame:
    """The frame with these columns as floats. Raises ``InvalidFrame`` for what is missing, no number, not finite, or
    beyond 1e50.
    """
    need(frame, table, columns)
    for column in columns:
        kind = frame.schema[column]
        if not (kind.is_numeric() or kind in (pl.String, pl.Boolean, pl.Null)):
            raise InvalidFrame(f"{table}.{column} is {kind}; it must be a number")
        number = pl.col(column).cast(pl.Float64, strict=False)
        _refuse(frame, f"{table}.{column}", ~number.is_finite().fill_null(value=False), "is not a number")
        _refuse(frame, f"{table}.{column}", number.abs() > LARGEST, f"is beyond {LARGEST:g}")
    return frame.with_columns(pl.col(column).cast(pl.Float64) for column in columns)


def as_times(frame: pl.DataFrame, table: str, columns: Sequence[str] = ("ts",)) -> pl.DataFrame:
    """The frame, whose times must be times of a zone. Raises ``InvalidFrame``."""
    need(frame, table, columns)
    for column in columns:
        kind = frame.schema[column]
        if not isinstance(kind, pl.Datetime) or kind.time_zone is None:
            raise InvalidFrame(f"{table}.{column} is {kind}; it must be a time with a zone, such as UTC")
        _refuse(frame, f"{table}.{column}", pl.col(column).is_null(), "is empty")
    return frame.with_columns(pl.col(column).dt.convert_time_zone("UTC").dt.cast_time_unit("us") for column in columns)


def _refuse(frame: pl.DataFrame, name: str, broken: pl.Expr, complaint: str) -> None:
    column = name.rpartition(".")[2]
    wrong = frame.select(row=pl.int_range(1, pl.len() + 1), value=pl.col(column), broken=broken).filter("broken")
    if wrong.height:
        row, value, _ = wrong.row(0)
        raise InvalidFrame(f"{name} {complaint} in row {row}: {str(value)[:100]!r} ({wrong.height} such rows)")
