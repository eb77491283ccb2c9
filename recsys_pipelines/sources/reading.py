"""One file on this disk as rows, whatever its format; what is wrong with it is a ``BadPart`` that says where.

Text formats give text columns only, as the file has it, so that the mapping decides what a value means and a message
can quote it. In JSON lines an inner object is JSON text, and a missing key is an empty value.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import polars as pl

from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources import formats
from recsys_pipelines.sources.diagnosis import first_bad_line, is_blank, lines, wrong_encoding
from recsys_pipelines.sources.formats import SUFFIXES, Format, suffix
from recsys_pipelines.sources.source import (
    ROW,
    BadPart,
    EmptyPart,
    MalformedPart,
    Needs,
    SchemaDrift,
    WrongEncoding,
)

_EMPTY = "the file is empty: no rows and no header"
_UNREADABLE = (
    pl.exceptions.ComputeError,
    pl.exceptions.ShapeError,
    OSError,
    UnicodeDecodeError,
    csv.Error,
    msgspec.DecodeError,
    SchemaDrift,
)


@contextmanager
def file_rows(path: Path, name: str, spec: SourceSpec, needs: Needs) -> Iterator[pl.LazyFrame]:
    """The file's columns and ``ROW``, to collect inside the block. Raises ``BadPart`` about ``name``."""
    format = format_of(name, spec)
    with _diagnosing(path, name, spec), formats.scan(path, format, spec, needs, name=name) as rows:
        yield rows.with_row_index(ROW, offset=1)


def file_columns(path: Path, name: str, spec: SourceSpec) -> dict[str, str]:
    """Every column of the file with its type, from its head. Raises ``BadPart`` about ``name``."""
    format = format_of(name, spec)
    with _diagnosing(path, name, spec):
        return formats.columns(path, format, spec)


def format_of(name: str, spec: SourceSpec) -> Format:
    """What the document says, or else the name. Raises ``MalformedPart`` if neither does."""
    if spec.format != "auto":
        return spec.format
    found = SUFFIXES.get(suffix(name))
    if found is None:
        raise MalformedPart(name, f"its name does not tell the format; set `format`, or use {', '.join(SUFFIXES)}")
    return found


@contextmanager
def _diagnosing(path: Path, name: str, spec: SourceSpec) -> Iterator[None]:
    try:
        yield
    except pl.exceptions.NoDataError as error:
        raise EmptyPart(name, _EMPTY) from error
    except _UNREADABLE as error:
        raise _fault(path, name, spec, error) from error


def _fault(path: Path, name: str, spec: SourceSpec, error: Exception) -> BadPart:
    """What is really wrong: Polars reports many faults as something else, such as UTF-16 as unknown columns."""
    if path.stat().st_size == 0:
        return EmptyPart(name, _EMPTY)
    if format_of(name, spec) == "parquet":
        return error if isinstance(error, BadPart) else MalformedPart(name, _first_line(error))
    try:
        fault = _text_fault(path, name, spec, error)
        return type(fault)(name, f"{fault.problem}; the file has {lines(path):,} lines")
    except OSError as unreadable:  # a compressed file that ends too early
        return MalformedPart(name, _first_line(unreadable))


def _text_fault(path: Path, name: str, spec: SourceSpec, error: Exception) -> BadPart:
    if is_blank(path):
        return EmptyPart(name, _EMPTY)
    if spec.encoding == "utf-8" and (found := wrong_encoding(path)):
        return WrongEncoding(name, found)
    if isinstance(error, BadPart):
        return error
    delimiter = None if format_of(name, spec) == "jsonl" else spec.delimiter
    line = first_bad_line(path, spec.encoding, delimiter) if len(delimiter or "x") == 1 else None
    return MalformedPart(name, line or _first_line(error))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
