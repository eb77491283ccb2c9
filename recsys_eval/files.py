"""Tables in files: CSV, JSON lines and Parquet (CSV and JSON lines also gzipped), read into the columns of evaluation.

Ids become strings as they are written, so ``007`` stays ``007``; floats that are all whole, which is what whole numbers
with gaps often become, are written without a point. Times are ISO 8601, in UTC where they carry no offset, or seconds
or milliseconds since 1970; the column may be called ``timestamp``. Tags in a CSV are separated by ``|``.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Literal

import polars as pl

from recsys_eval.errors import UnreadableFile

EPOCH_SECONDS = r"^\d{1,11}(\.\d+)?$"
EPOCH_MILLISECONDS = r"^\d{12,13}(\.\d+)?$"  # from 1973 on
SYNONYMS = {"timestamp": "ts"}
ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"} | {
    ".csv.gz": "csv",
    ".jsonl.gz": "jsonl",
    ".ndjson.gz": "jsonl",
}
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
    compression: Literal["gzip", "uncompressed"] = "gzip" if path.name.lower().endswith(".gz") else "uncompressed"
    match _format(path):
        case "csv":
            frame.write_csv(path, compression=compression)
        case "jsonl":
            frame.write_ndjson(path, compression=compression)
        case _:
            frame.write_parquet(path)


def _rows(path: Path) -> pl.DataFrame:
    """The file as it is; opened here, as Polars takes brackets and stars in a name for a pattern of several names."""
    readers: Mapping[str, Callable[[BinaryIO], pl.DataFrame]] = {
        "csv": lambda file: pl.read_csv(file, infer_schema=False),
        "jsonl": lambda file: pl.read_ndjson(_unmarked(file), infer_schema_length=None),
        "parquet": pl.read_parquet,
    }
    reader = readers[_format(path)]
    try:
        with path.open("rb") as file:
            return reader(file)
    except FileNotFoundError as error:
        raise UnreadableFile(f"{path} does not exist") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise UnreadableFile(f"{path} cannot be read as {_format(path)}: {reason}") from error


def _unmarked(file: BinaryIO) -> BinaryIO | bytes:
    """The file, or where it begins with a byte order mark, which Polars forgives in CSV alone, what comes after."""
    marked = file.read(len(BOM_UTF8)) == BOM_UTF8
    if not marked:
        file.seek(0)
    return file.read() if marked else file


def _format(path: Path) -> str:
    kind = next((kind for ending, kind in ENDINGS.items() if path.name.lower().endswith(ending)), None)
    if kind is None:
        raise UnreadableFile(f"{path} has no known format in its name; use {FORMATS}")
    return kind


def _converted(path: Path, column: pl.Series, convert: Callable[[pl.Series], pl.Series]) -> pl.Series:
    kind = KINDS[convert]
    if _odd(column.dtype, convert):
        raise UnreadableFile(f"{path}: {column.name} is {column.dtype}, which is not {kind}")
    column = column.replace("", None) if column.dtype == pl.String else column  # "" in quotes is as empty as nothing
    converted = convert(column)
    lost = converted.is_null() & (column.is_not_nan() if column.dtype.is_float() else column.is_not_null())
    if lost.any():
        row = lost.arg_max() or 0
        raise UnreadableFile(f"{path}, row {row + 1}: {column.name} {str(column[row])[:100]!r} is not {kind}")
    return converted


def _odd(kind: pl.DataType, convert: Callable[[pl.Series], pl.Series]) -> bool:
    """Whether Polars would refuse to convert a column of this type, or make something of it that nobody meant."""
    if convert in {_whole, _number}:
        return not (kind.is_numeric() or kind in (pl.String, pl.Null))
    return kind in (pl.Binary, pl.Duration) or (kind.is_nested() and convert is not _tags)


def _string(column: pl.Series) -> pl.Series:
    if column.dtype.is_float():
        known = column.fill_nan(None)
        whole = known.cast(pl.Int64, strict=False)
        column = whole if (whole == known).fill_null(known.is_null()).all() else known
    return column.cast(pl.String)


def _whole(column: pl.Series) -> pl.Series:
    if column.dtype.is_integer():
        return column.cast(pl.Int64, strict=False)
    number = column.cast(pl.Float64, strict=False)
    whole = number.cast(pl.Int64, strict=False)
    return pl.select(pl.when(whole == number).then(whole).alias(column.name)).to_series()


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


NAMES = ("user_id", "item_id", "subject_id", "request_id", "event_id", "experiment_id", "variant", "category")
CONVERSIONS: Mapping[str, Callable[[pl.Series], pl.Series]] = dict.fromkeys(NAMES, _string) | {
    "type": _string,
    "team": _string,
    "surface": _string,
    "forced": _string,
    "rank": _whole,
    "score": _number,
    "tags": _tags,
    "ts": _time,
    "as_of": _time,
    "last_seen": _time,
}
KINDS: Mapping[Callable[[pl.Series], pl.Series], str] = {
    _string: "text or a whole number",
    _whole: "a whole number",
    _number: "a number",
    _tags: "a list of tags",
    _time: "a time",
}
