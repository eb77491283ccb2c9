"""Tables in files: CSV, JSON lines and Parquet (CSV and JSON lines also gzipped), read into the columns of evaluation.

Ids become strings as they are written, so ``007`` stays ``007``; floats that are all whole, which is what whole numbers
with gaps often become, are written without a point. Times are ISO 8601, in UTC where they carry no offset, or seconds
or milliseconds since 1970; the column may be called ``timestamp``. Tags in a CSV are separated by ``|``.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from recsys_eval.errors import UnreadableFile

EPOCH_SECONDS = r"^\d{1,11}(\.\d+)?$"
EPOCH_MILLISECONDS = r"^\d{12,13}(\.\d+)?$"  # from 1973 on
SYNONYMS = {"timestamp": "ts"}
FORMATS = "csv, jsonl or parquet, the first two also with .gz"


def read_table(path: Path) -> pl.DataFrame:
    """The rows of a file, with known columns in their types. Raises ``UnreadableFile`` that names file and value.

    Stability: public
    """
    frame = _rows(path)
    frame = frame.rename(
        {old: new for old, new in SYNONYMS.items() if old in frame.columns and new not in frame.columns}
    )
    return frame.with_columns(
        _converted(path, frame[name], convert) for name, convert in CONVERSIONS.items() if name in frame.columns
    )


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write the rows in the format that the name of the file says.

    Stability: public
    """
    match _format(path):
        case "csv":
            frame.write_csv(path)
        case "jsonl":
            frame.write_ndjson(path)
        case _:
            frame.write_parquet(path)


def _rows(path: Path) -> pl.DataFrame:
    readers: Mapping[str, Callable[[Path], pl.DataFrame]] = {
        "csv": lambda file: pl.read_csv(file, infer_schema=False),
        "jsonl": lambda file: pl.read_ndjson(file, infer_schema_length=None),
        "parquet": pl.read_parquet,
    }
    reader = readers[_format(path)]
    try:
        return reader(path)
    except FileNotFoundError as error:
        raise UnreadableFile(f"{path} does not exist") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        first = str(error).partition("\n")[0]
        raise UnreadableFile(f"{path} cannot be read as {_format(path)}: {first}") from error


def _format(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    name = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}.get((suffixes or [""])[-1])
    if name is None:
        raise UnreadableFile(f"{path} has no known format in its name; use {FORMATS}")
    return name


def _converted(path: Path, column: pl.Series, convert: Callable[[pl.Series], pl.Series]) -> pl.Series:
    converted = convert(column)
    lost = converted.is_null() & (column.is_not_nan() if column.dtype.is_float() else column.is_not_null())
    if lost.any():
        row = lost.arg_max() or 0
        kind = "a time" if convert is _time else "a number"
        raise UnreadableFile(f"{path}, row {row + 1}: {column.name} {str(column[row])[:100]!r} is not {kind}")
    return converted


def _string(column: pl.Series) -> pl.Series:
    if column.dtype.is_float():
        known = column.fill_nan(None)
        whole = known.cast(pl.Int64, strict=False)
        column = whole if (whole == known).fill_null(known.is_null()).all() else known
    return column.cast(pl.String)


def _whole(column: pl.Series) -> pl.Series:
    return column if column.dtype.is_float() else column.cast(pl.Int64, strict=False)


def _number(column: pl.Series) -> pl.Series:
    return column.cast(pl.Float64, strict=False)


def _tags(column: pl.Series) -> pl.Series:
    return column.str.split("|") if column.dtype == pl.String else column


def _time(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.replace_time_zone("UTC") if column.dtype.time_zone is None else column
    text = column.cast(pl.String)
    for pattern, microseconds in ((EPOCH_SECONDS, 1e6), (EPOCH_MILLISECONDS, 1e3)):
        if text.drop_nulls().str.contains(pattern).all():
            number = text.cast(pl.Float64, strict=False)
            return (number * microseconds).cast(pl.Int64).cast(pl.Datetime("us", "UTC"))
    return text.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)


CONVERSIONS: Mapping[str, Callable[[pl.Series], pl.Series]] = {
    "user_id": _string,
    "item_id": _string,
    "category": _string,
    "rank": _whole,
    "score": _number,
    "tags": _tags,
    "ts": _time,
    "as_of": _time,
    "last_seen": _time,
}
