"""What exactly is wrong with a file, for people: read again, slowly, once something has failed."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

_CHUNK = 1 << 20
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_QUOTED = 80
_REST = 3  # bytes of a character that may go on in the next chunk, at most


def opened(path: Path) -> BinaryIO:
    """The file's bytes, decompressed if its name ends in .gz or .zst."""
    stream: BinaryIO = pa.input_stream(str(path), compression="detect")
    return stream


def is_blank(path: Path) -> bool:
    """Whether there is nothing but white space."""
    return not any(chunk.strip() for chunk in _chunks(path))


def lines(path: Path) -> int:
    """How many lines there are, the last one also if nothing ends it."""
    count, last = 0, b""
    for chunk in _chunks(path):
        count, last = count + chunk.count(b"\n"), chunk[-1:]
    return count + (last not in {b"", b"\n"})


def wrong_encoding(path: Path) -> str | None:
    """Where the file stops being UTF-8, or None if it does not."""
    rest, offset, line = b"", 0, 1
    for chunk in (*_chunks(path), b""):
        data = rest + chunk
        try:
            data.decode()
            valid = len(data)
        except UnicodeDecodeError as error:
            valid = error.start
            if not chunk or len(data) - valid > _REST:
                return _not_text(data[valid], offset + valid, line + data[:valid].count(b"\n"), data)
        rest, offset, line = data[valid:], offset + valid, line + data[:valid].count(b"\n")
    return None


def first_bad_line(path: Path, encoding: str, delimiter: str | None) -> str | None:
    """The first line that is not like the others: of separated text, or of JSON objects if ``delimiter`` is None."""
    with opened(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        return _bad_json(text) if delimiter is None else _bad_row(text, delimiter)


def _chunks(path: Path) -> Iterator[bytes]:
    with opened(path) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _not_text(byte: int, offset: int, line: int, data: bytes) -> str:
    if offset == 0 and data[:2] in _BYTE_ORDER_MARKS:
        return "the file begins like UTF-16, and is read as UTF-8; save it as UTF-8"
    return (
        f"byte 0x{byte:02x} at offset {offset}, in line {line}, is not UTF-8; "
        'if the file is Latin-1, say `"encoding": "latin-1"`'
    )


def _bad_json(lines: io.TextIOWrapper) -> str | None:
    for number, line in enumerate(lines, 1):
        if line.strip() and not _is_object(line):
            return f"line {number} is not a JSON object: {_quoted(line)}"
    return None


def _is_object(line: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except msgspec.DecodeError:
        return False


def _bad_row(lines: io.TextIOWrapper, delimiter: str) -> str | None:
    rows = csv.reader(lines, delimiter=delimiter)
    try:
        width = len(next(rows, []))
        for row in rows:
            if len(row) > width:
                return f"line {rows.line_num} has {len(row)} fields instead of {width}: {_quoted(delimiter.join(row))}"
    except csv.Error as error:  # such as a quote that nothing ends
        return f"line {rows.line_num}: {error}"
    return None


def _quoted(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}...")
