"""How each file format becomes a lazy frame, with a check that the columns that are needed are there."""

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
import polars as pl

from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.diagnosis import opened
from recsys_pipelines.sources.heads import csv_columns, frame_columns, json_columns
from recsys_pipelines.sources.source import Needs, SchemaDrift, is_in

Format = Literal["csv", "jsonl", "parquet"]

SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".dat": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
COMPRESSED = (".gz", ".zst")
_SNIFFED_LINES = 1000
_INNER_DELIMITER = "\x1f"  # Polars splits at one byte; a longer delimiter is replaced by this control character


@contextmanager
def scan(path: Path, format: Format, spec: SourceSpec, needs: Needs, *, name: str) -> Iterator[pl.LazyFrame]:
    """The file's rows, readable inside the block. Raises ``SchemaDrift``, about ``name``, if a column is missing.

    A column's name with dots that is no column itself means a key inside a column (``payload.video.id``).
    """
    with _plain(path, format, spec) as readable:
        match format:
            case "parquet":
                rows = pl.scan_parquet(readable, glob=False)
                columns = rows.collect_schema().names()
            case "jsonl":
                columns = _keys(readable, needs.required)
                names = dict.fromkeys((*columns, *(each.partition(".")[0] for each in needs.wanted)))
                rows = pl.scan_ndjson(readable, schema=dict.fromkeys(names, pl.String()))
            case "csv":
                rows = _scan_csv(readable, name, spec)
                columns = rows.collect_schema().names()
        _check_columns(name, columns, needs)
        yield rows


def columns(path: Path, format: Format, spec: SourceSpec) -> dict[str, str]:
    """The file's columns with their types, from its head. Raises ``NoDataError`` if it has none."""
    match format:
        case "parquet":
            with _plain(path, format, spec) as readable:
                found = frame_columns(pl.read_parquet_schema(readable))
        case "jsonl":
            found = json_columns(path)
        case "csv":
            found = csv_columns(path, spec)
    if not found:
        raise pl.exceptions.NoDataError("no column")
    return found


def suffix(name: str) -> str:
    """What the name says about the format, without what it says about the compression."""
    path = Path(name)
    return (path.with_suffix("") if path.suffix in COMPRESSED else path).suffix.lower()


def _scan_csv(path: Path, name: str, spec: SourceSpec) -> pl.LazyFrame:
    single = len(spec.delimiter) == 1
    rows = pl.scan_csv(
        path,
        separator=spec.delimiter if single else _INNER_DELIMITER,
        quote_char='"' if single else None,
        has_header=spec.header,
        infer_schema=False,
        glob=False,
    )
    if spec.header or not spec.column_names:
        return rows
    found = rows.collect_schema().names()
    if len(found) != len(spec.column_names):
        raise SchemaDrift(
            name, f"schema drift: it has {len(found)} columns, and `column_names` names {len(spec.column_names)}"
        )
    return rows.rename(dict(zip(found, spec.column_names, strict=True)))


def _keys(path: Path, required: Sequence[str]) -> list[str]:
    """The keys of the first lines; of as many more, which takes longer, until all that are required were seen.

    Polars could infer them, but fails where two lines have values of different types.
    """
    keys: dict[str, None] = {}
    with opened(path) as file, io.TextIOWrapper(file, encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number >= _SNIFFED_LINES and all(is_in(name, keys) for name in required):
                break
            keys |= dict.fromkeys(_object(line))
    if not keys:
        raise pl.exceptions.NoDataError("no JSON object")
    return list(keys)


def _object(line: str) -> dict[str, msgspec.Raw]:
    """The keys of one line. Raises ``ComputeError``, as Polars does where it reads on."""
    try:
        return msgspec.json.decode(line, type=dict[str, msgspec.Raw]) if line.strip() else {}
    except msgspec.DecodeError as error:
        raise pl.exceptions.ComputeError(str(error)) from error


def _check_columns(name: str, columns: Sequence[str], needs: Needs) -> None:
    missing = [column for column in needs.required if not is_in(column, columns)]
    if not missing:
        return
    known = {part for column in needs.wanted for part in (column, column.partition(".")[0])}
    unexpected = [column for column in columns if column not in known]
    guesses = [f"{lost} (is it {found[0]} now?)" for lost in missing if (found := get_close_matches(lost, unexpected))]
    raise SchemaDrift(
        name,
        f"schema drift: missing {', '.join(missing)}"
        + (f"; not expected {', '.join(unexpected)}" if unexpected else "")
        + (f"; perhaps {', '.join(guesses)}" if guesses else ""),
    )


@contextmanager
def _plain(path: Path, format: Format, spec: SourceSpec) -> Iterator[Path]:
    """A file that Polars can scan: the one there is, or a copy in UTF-8 for as long as the block runs."""
    as_it_is = path.suffix not in COMPRESSED if format == "parquet" else _is_plain_text(spec)
    escaped = format == "jsonl" and _has_escapes(path)
    if as_it_is and not escaped:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name.removesuffix(path.suffix if path.suffix in COMPRESSED else "")
        with opened(path) as source, copy.open("wb") as target:
            if escaped:
                target.writelines(_flat(line) for line in _lines(source, spec.encoding))
            else:
                _copy(source, target, None if format == "parquet" else spec)
        yield copy


def _lines(source: BinaryIO, encoding: str) -> Iterator[bytes]:
    """The lines in UTF-8; bytes that are none stay, for Polars to name."""
    errors = "surrogateescape" if encoding == "utf-8" else "strict"
    with io.TextIOWrapper(source, encoding=encoding, errors=errors, newline="\n") as text:
        yield from (line.encode(errors=errors) for line in text)


def _has_escapes(path: Path) -> bool:
    with opened(path) as file:
        return any(b"\\" in block for block in iter(lambda: file.read(1 << 20), b""))


def _flat(line: bytes) -> bytes:
    """The line with inner objects and lists as texts of JSON: as a text Polars drops the escapes inside of them."""
    if b"\\" not in line:
        return line
    try:
        values = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:  # Polars says what is wrong with it
        return line
    flat = {name: bytes(raw).decode() if bytes(raw)[:1] in b"{[" else raw for name, raw in values.items()}
    return msgspec.json.encode(flat) + b"\n"


def _is_plain_text(spec: SourceSpec) -> bool:
    return spec.encoding == "utf-8" and len(spec.delimiter) == 1


def _copy(source: BinaryIO, target: BinaryIO, spec: SourceSpec | None) -> None:
    if spec is None:
        target.writelines(iter(lambda: source.read(1 << 20), b""))
        return
    with io.TextIOWrapper(source, encoding=spec.encoding, newline="") as text:
        lines = text if len(spec.delimiter) == 1 else (line.replace(spec.delimiter, _INNER_DELIMITER) for line in text)
        target.writelines(line.encode() for line in lines)
