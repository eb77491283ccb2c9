"""Files as a source: CSV, JSON lines or Parquet, each also compressed (.gz, .zst); one file, a folder or a glob.

Text formats give text columns only, as the file has it, so that the mapping decides what a value means and a message
can quote it. In JSON lines an inner object is JSON text, and a missing key is an empty value.
"""

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.diagnosis import first_bad_line, is_blank, lines, wrong_encoding
from recsys_pipelines.sources.formats import COMPRESSED, SUFFIXES, Format, columns, scan
from recsys_pipelines.sources.source import (
    ROW,
    BadPart,
    EmptyPart,
    MalformedPart,
    MissingPart,
    Needs,
    Part,
    SchemaDrift,
    UnsetVariable,
    WrongEncoding,
)

_WILDCARD = re.compile(r"[*?\[]")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_UNREADABLE = (
    pl.exceptions.ComputeError,
    pl.exceptions.ShapeError,
    OSError,
    UnicodeDecodeError,
    csv.Error,
    msgspec.DecodeError,
    SchemaDrift,
)


@dataclass(frozen=True)
class FileSource:
    """The files of one entry of a tenant document; ``folder`` is where the document stands."""

    spec: SourceSpec
    folder: Path
    environ: Mapping[str, str]

    def parts(self) -> list[Part]:
        """Every file, by name. Raises ``MissingPart`` if there is none, and ``UnsetVariable``."""
        return [Part(name, fingerprint(path)) for name, path in self._files().items()]

    @contextmanager
    def rows(self, part: Part, needs: Needs) -> Iterator[pl.LazyFrame]:
        """The rows of one file. Raises ``BadPart``, also for what only shows while the frame is collected."""
        with self._reading(part) as path, scan(path, self._format(part.name), self.spec, needs, name=part.name) as rows:
            yield rows.with_row_index(ROW, offset=1)

    def columns(self, part: Part) -> dict[str, str]:
        """Every column of one file with its type, from its head. Raises ``BadPart``."""
        with self._reading(part) as path:
            return columns(path, self._format(part.name), self.spec)

    @contextmanager
    def _reading(self, part: Part) -> Iterator[Path]:
        path = self._files().get(part.name)
        if path is None:
            raise MissingPart(part.name, "the file was there a moment ago, and is gone")
        try:
            yield path
        except pl.exceptions.NoDataError as error:
            raise EmptyPart(part.name, _EMPTY) from error
        except _UNREADABLE as error:
            raise self._fault(part.name, path, error) from error

    def _fault(self, name: str, path: Path, error: Exception) -> BadPart:
        """What is really wrong: Polars reports many faults as something else, such as UTF-16 as unknown columns."""
        format = self._format(name)
        if path.stat().st_size == 0:
            return EmptyPart(name, _EMPTY)
        if format == "parquet":
            return error if isinstance(error, BadPart) else MalformedPart(name, _first_line(error))
        try:
            fault = self._text_fault(name, path, error)
            return type(fault)(name, f"{fault.problem}; the file has {lines(path):,} lines")
        except OSError as unreadable:  # a compressed file that ends too early
            return MalformedPart(name, _first_line(unreadable))

    def _text_fault(self, name: str, path: Path, error: Exception) -> BadPart:
        if is_blank(path):
            return EmptyPart(name, _EMPTY)
        if self.spec.encoding == "utf-8" and (found := wrong_encoding(path)):
            return WrongEncoding(name, found)
        if isinstance(error, BadPart):
            return error
        delimiter = None if self._format(name) == "jsonl" else self.spec.delimiter
        line = first_bad_line(path, self.spec.encoding, delimiter) if len(delimiter or "x") == 1 else None
        return MalformedPart(name, line or _first_line(error))

    def _format(self, name: str) -> Format:
        if self.spec.format != "auto":
            return self.spec.format
        found = SUFFIXES.get(_suffix(name))
        if found is None:
            raise MalformedPart(name, f"its name does not tell the format; set `format`, or use {', '.join(SUFFIXES)}")
        return found

    def _files(self) -> dict[str, Path]:
        """Paths by a name that is the same on every machine: as the document writes it, variables not expanded."""
        spelled, pattern = _split(self.spec.path)
        base = self.folder / expanded(spelled, self.environ)
        if not pattern and not base.is_dir():
            found = [base] if base.exists() else []
        else:
            found = [path for path in base.glob(pattern or "**/*") if self._is_meant(path, base, anyhow=bool(pattern))]
        if not found:
            raise MissingPart(self.spec.path, "there is no such file")
        return {_name(spelled, path, base): path for path in sorted(found)}

    def _is_meant(self, path: Path, base: Path, *, anyhow: bool) -> bool:
        """Whether a file is neither hidden nor unfinished, and of the right kind unless a pattern asked for it."""
        hidden = any(part.startswith((".", "_")) for part in path.relative_to(base).parts)
        kind = SUFFIXES.get(_suffix(path.name))
        return path.is_file() and not hidden and (anyhow or (kind is not None and self.spec.format in {"auto", kind}))


def fingerprint(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex; empty if they cannot be read, which whoever reads its rows will see."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def expanded(text: str, environ: Mapping[str, str]) -> str:
    """``text`` with every ``${NAME}`` replaced. Raises ``UnsetVariable``."""

    def value(found: re.Match[str]) -> str:
        if not environ.get(found[1]):
            raise UnsetVariable(f"the path {text!r} needs the environment variable {found[1]}, which is not set")
        return environ[found[1]]

    return _VARIABLE.sub(value, text)


_EMPTY = "the file is empty: no rows and no header"


def _split(path: str) -> tuple[str, str]:
    """The folders that are spelled out, and the pattern below them (empty if there is none)."""
    parts = path.split("/")
    first = next((at for at, part in enumerate(parts) if _WILDCARD.search(part)), len(parts))
    return "/".join(parts[:first]), "/".join(parts[first:])


def _name(spelled: str, path: Path, base: Path) -> str:
    inside = path.relative_to(base).as_posix()
    return spelled if inside == "." else f"{spelled.rstrip('/')}/{inside}" if spelled else inside


def _suffix(name: str) -> str:
    path = Path(name)
    return (path.with_suffix("") if path.suffix in COMPRESSED else path).suffix.lower()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
