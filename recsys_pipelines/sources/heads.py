"""What columns a file has and what their first values read as, from its head alone: the cost does not grow.

Of Parquet the types are Polars' own. Of text they are one of ``int``, ``float``, ``bool``, ``time`` (ISO 8601),
``text`` and ``empty``; of JSON also ``list`` and ``object``. They are for people and for the comparison of two loads:
the mapping does not depend on them.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.diagnosis import opened

HEAD_ROWS = 500

csv.field_size_limit(16 << 20)  # of the process; 128 KiB are too few for a column of JSON

_ONE_BYTE = "\x1f"  # csv splits at one character; a longer delimiter is replaced by this control character
_TIME = r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d.*)?$"
_FLOAT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_INT = r"^[+-]?\d+$"
_BOOL = r"(?i)^(true|false)$"
_PATTERNS = {"int": _INT, "float": _FLOAT, "bool": _BOOL, "time": _TIME}
_JSON_KINDS: dict[type, str] = {bool: "bool", int: "int", float: "float", list: "list", dict: "object"}


def csv_columns(path: Path, spec: SourceSpec) -> dict[str, str]:
    """The columns of separated text, in the file's order. Raises ``OSError``, ``UnicodeDecodeError``, ``csv.Error``."""
    with opened(path) as file, io.TextIOWrapper(file, encoding=_encoding(spec), newline="") as text:
        rows = list(islice(_split(text, spec.delimiter), HEAD_ROWS + 1))
    first = rows[0] if rows else []
    names = first if spec.header else spec.column_names or tuple(f"column_{at}" for at in range(1, len(first) + 1))
    body = rows[1:] if spec.header else rows
    return {name: reads_as(row[at] for row in body if at < len(row)) for at, name in enumerate(names)}


def json_columns(path: Path) -> dict[str, str]:
    """The keys of JSON lines, in the order in which they are first seen. Raises as ``csv_columns`` and msgspec do."""
    with opened(path) as file, io.TextIOWrapper(file, encoding="utf-8") as lines:
        rows = [msgspec.json.decode(line, type=dict[str, Any]) for line in islice(lines, HEAD_ROWS) if line.strip()]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: json_kind([row[name] for row in rows if row.get(name) is not None]) for name in names}


def frame_columns(schema: Mapping[str, pl.DataType]) -> dict[str, str]:
    """The columns of a frame with their types, as Polars spells them."""
    return {name: str(dtype) for name, dtype in schema.items()}


def reads_as(texts: Iterable[str]) -> str:
    """What all of these texts can be read as; white space and empty ones say nothing.

    >>> reads_as(["1", " 2.5", ""]), reads_as(["2026-01-01"]), reads_as(["1", "x"]), reads_as([""])
    ('float', 'time', 'text', 'empty')
    """
    said = pl.Series(texts, dtype=pl.String).str.strip_chars()
    said = said.filter(said != "")
    if said.is_empty():
        return "empty"
    return next((kind for kind, pattern in _PATTERNS.items() if said.str.contains(pattern).all()), "text")


def json_kind(values: Sequence[Any]) -> str:
    """The kind that all of these JSON values have; whole numbers among fractions are fractions, else a mix is text.

    >>> json_kind([1, 2.5]), json_kind([True, 1]), json_kind(["007"]), json_kind([])
    ('float', 'text', 'text', 'empty')
    """
    kinds = {_JSON_KINDS.get(type(value), "text") for value in values}
    if kinds == {"text"}:
        return "time" if pl.Series(values, dtype=pl.String).str.contains(_TIME).all() else "text"
    if kinds == {"int", "float"}:
        return "float"
    return next(iter(kinds), "empty") if len(kinds) <= 1 else "text"


def _split(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """The rows, as `formats` reads them: beside a delimiter of several characters, a quote is a letter like others."""
    if len(delimiter) == 1:
        return csv.reader(lines, delimiter=delimiter)
    replaced = (line.replace(delimiter, _ONE_BYTE) for line in lines)
    return csv.reader(replaced, delimiter=_ONE_BYTE, quoting=csv.QUOTE_NONE)


def _encoding(spec: SourceSpec) -> str:
    return "utf-8-sig" if spec.encoding == "utf-8" else spec.encoding
