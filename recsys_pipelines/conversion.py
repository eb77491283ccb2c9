"""What a source's value means as one of our kinds: text, number, time, tags. Everything is a Polars expression.

A value that cannot be read becomes null; the caller compares with what was there. White space around text is dropped,
and empty text is a missing value.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import duckdb
import polars as pl

from data_contracts.errors import InvalidDocument
from data_contracts.source_specs import Field
from data_contracts.tables import Kind

UTC_TIME = pl.Datetime("us", "UTC")

_EPOCHS = {"s": 1_000_000, "ms": 1_000, "us": 1}  # microseconds per unit
_LAST_SECOND = 253_402_300_799  # the end of the year 9999
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_OFFSET = "%Y-%m-%dT%H:%M:%S%.f%#z"
_NO_OFFSET = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_DECIMALS = 6  # a scaled price is first rounded here, so that 19.99 * 100, in binary 1998.99..., is 1999


class Raw(NamedTuple):
    """What the source has for one of our columns, before it is read as a kind."""

    expr: pl.Expr
    dtype: pl.DataType


def converted(raw: Raw, kind: Kind, field: Field) -> pl.Expr:
    """The value as ``kind``, null where there is none or where it cannot be read; tags are never null."""
    if isinstance(raw.dtype, pl.Null):
        return pl.lit([], pl.List(pl.String)) if kind == "strings" else pl.lit(None)
    readers: dict[Kind, Callable[[Raw, Field], pl.Expr]] = {
        "string": _string,
        "int": _whole,
        "float": _number,
        "bool": _truth,
        "timestamp": _time,
        "strings": _tags,
    }
    return readers[kind](raw, field)


def text(raw: Raw) -> pl.Expr:
    """The value as the source would write it: 17850.0 is ``17850``, an inner object is JSON, empty is null."""
    expr, dtype = raw
    if isinstance(dtype, pl.String):
        stripped = expr.str.strip_chars()
        return pl.when(stripped != "").then(stripped)
    if dtype.is_float():
        whole = expr.cast(pl.Int64, strict=False)
        return pl.when(whole == expr).then(whole.cast(pl.String)).otherwise(expr.cast(pl.String))
    if isinstance(dtype, pl.Struct):
        return pl.when(expr.is_not_null()).then(expr.struct.json_encode())
    if isinstance(dtype, pl.List):
        return expr.cast(pl.List(pl.String)).list.join(",")
    return expr.cast(pl.String)


def truth(raw: Raw) -> pl.Expr:
    """True for 1, true, yes; false for 0, false, no; null for anything else."""
    if isinstance(raw.dtype, pl.Boolean):
        return raw.expr
    word = text(raw).str.to_lowercase()
    return pl.when(word.is_in(_TRUE)).then(statement=True).when(word.is_in(_FALSE)).then(statement=False)


def number(raw: Raw) -> pl.Expr:
    """A finite float, or null."""
    value = (raw.expr if raw.dtype.is_numeric() else text(raw)).cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def digest(raws: list[Raw]) -> pl.Expr:
    """The SHA-256 in hex of several values in a row; a missing one differs from an empty one."""
    parts = [text(raw).fill_null("\x00") for raw in raws]
    return pl.concat_str(parts, separator="\x1f").map_batches(_sha256, return_dtype=pl.String)


def _string(raw: Raw, field: Field) -> pl.Expr:
    value = raw.expr.list.first() if isinstance(raw.dtype, pl.List) else text(raw)
    return pl.concat_str(pl.lit(field.prefix), value) if field.prefix else value


def _truth(raw: Raw, field: Field) -> pl.Expr:
    """A truth, or a count (of stock, say): true above 0, and nothing below it."""
    said, count = truth(raw), number(raw) if not isinstance(raw.dtype, pl.Boolean) else pl.lit(None, pl.Float64)
    return pl.coalesce(said, pl.when(count >= 0).then(count > 0))


def _number(raw: Raw, field: Field) -> pl.Expr:
    return number(raw) * field.scale


def _whole(raw: Raw, field: Field) -> pl.Expr:
    """Scaled values are rounded, half to even; others must be whole already."""
    value = number(raw)
    if field.scale != 1:
        value = (value * field.scale).round(_DECIMALS).round(0, mode="half_to_even")
    exact = text(raw).cast(pl.Int64, strict=False) if field.scale == 1 else pl.lit(None, pl.Int64)
    whole = value.cast(pl.Int64, strict=False)
    return pl.coalesce(exact, pl.when(whole == value).then(whole))


def _tags(raw: Raw, field: Field) -> pl.Expr:
    """Lower-case, each once, sorted; never null."""
    word = pl.element().str.strip_chars()
    tagged = pl.concat_str(pl.lit(field.prefix), pl.when(word != "").then(word)).str.to_lowercase()
    none = pl.lit([], pl.List(pl.String))
    return _several(raw, field.split).list.eval(tagged).list.drop_nulls().list.unique().list.sort().fill_null(none)


def _several(raw: Raw, split: str | None) -> pl.Expr:
    """A list as it is, a JSON list of texts, or one text split."""
    if isinstance(raw.dtype, pl.List):
        return raw.expr.cast(pl.List(pl.String))
    said = text(raw)
    quoted = pl.element().str.slice(1).str.head(-1).str.replace_all(r"\\(.)", "${1}")
    json = said.str.extract_all(r'"(?:[^"\\]|\\.)*"').list.eval(quoted)
    plain = said.str.split(split) if split else pl.concat_list(said)
    return pl.when(said.str.contains(r"^\[.*\]$")).then(json).otherwise(plain)


def _time(raw: Raw, field: Field) -> pl.Expr:
    if raw.dtype.is_temporal():
        return _zoned(raw.expr.cast(pl.Datetime("us", getattr(raw.dtype, "time_zone", None))), raw.dtype, field)
    if field.time in _EPOCHS:
        micros = (number(raw) * _EPOCHS[field.time]).round(0)
        exists = micros.abs() <= _LAST_SECOND * _EPOCHS["s"]
        return pl.when(exists).then(micros).cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if field.time in {None, "iso"}:
        read = partial(_iso, zone=field.timezone)
        return text(raw).map_batches(read, return_dtype=UTC_TIME, is_elementwise=True)
    read_by = text(raw).str.to_datetime(field.time, strict=False, time_unit="us")
    return read_by.cast(UTC_TIME) if "%z" in field.time.replace("#", "") else _zoned(read_by, pl.Datetime("us"), field)


def _zoned(time: pl.Expr, dtype: pl.DataType, field: Field) -> pl.Expr:
    """UTC; a time without a zone is local to ``field.timezone``, and null where the clock jumped over it."""
    if getattr(dtype, "time_zone", None) is None:
        time = time.dt.replace_time_zone(field.timezone, ambiguous="earliest", non_existent="null")
    return time.dt.convert_time_zone("UTC")


def _iso(texts: pl.Series, zone: str) -> pl.Series:
    """ISO 8601 with any offset, or without one in ``zone``; one more pattern only while rows are left unread."""
    times = _offset_times(texts)
    if times.null_count() == texts.null_count():
        return times.rename(texts.name)
    spelled = texts.str.to_uppercase().str.replace(r"^(\d{4}-\d\d-\d\d) +(\d)", "${1}T${2}")
    readers: list[Callable[[pl.Series], pl.Series]] = [_offset_times]
    readers += [partial(_local_times, pattern=pattern, zone=zone) for pattern in _NO_OFFSET]
    for read in readers:
        times = times.zip_with(times.is_not_null(), read(spelled))
        if times.null_count() == texts.null_count():
            break
    return times.rename(texts.name)


def _offset_times(texts: pl.Series) -> pl.Series:
    return texts.str.to_datetime(_OFFSET, strict=False, time_unit="us", time_zone="UTC")


def _local_times(texts: pl.Series, pattern: str, zone: str) -> pl.Series:
    local = texts.str.to_datetime(pattern, strict=False, time_unit="us")
    return local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


def _sha256(texts: pl.Series) -> pl.Series:
    """By DuckDB, which has it as a vectorised function; Polars has none that is the same in every version."""
    rows = pl.DataFrame({"text": texts})
    with duckdb.connect() as connection:
        digests = connection.register("rows", rows.to_arrow()).sql("select sha256(text) as digest from rows").pl()
    return pl.Series(texts.name, digests["digest"])


def check_zone(zone: str, place: str) -> None:
    """Raise ``InvalidDocument`` for a time zone that does not exist."""
    try:
        pl.Series([None], dtype=pl.Datetime("us")).dt.replace_time_zone(zone)
    except pl.exceptions.ComputeError as error:
        raise InvalidDocument(
            f"{place}.timezone: {zone!r} is no time zone; use a name such as Europe/Berlin"
        ) from error
