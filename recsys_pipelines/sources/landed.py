"""What pulled sources brought: files in the landing area, and beside them the record that says which of them count.

```
pulled/tenant=T/source=NAME/watermark.json          the record: files in order, and how far the source has been read
pulled/tenant=T/source=NAME/STEM-DIGEST.parquet     a file (or .jsonl, .jsonl.zst), named by its content
```

A pull first stores its files, each durable before ``store`` returns, and then swaps the record that names them. Killed
before the swap, it has changed nothing: the next pull reads the same rows again, and files that no record names are
nobody's and swept later. Killed after it, it is done. So no crash loses a row or lands one twice, and a reader sees all
files of a pull or none. Two pulls at once cannot mix: the second one's swap fails.

Rows may be taken out of a file in its place (a person is forgotten): what a file is called and its fingerprint come
from the record, so nothing is read again because of it.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobExists, BlobMissing
from data_contracts.layout import segment
from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.fetching import fetched
from recsys_pipelines.sources.reading import file_columns, file_rows
from recsys_pipelines.sources.source import MissingPart, Needs, Part, Place, SourceError

LEFTOVER = timedelta(hours=1)  # a file that no record names and that is older is of a pull that died

_RECORD = "watermark.json"
_LABEL = 48  # what a name takes of a label
_DIGITS = 24  # of a digest, in the name of a file


class LandedPart(msgspec.Struct, frozen=True, kw_only=True):
    """One landed file; ``newest`` is the cursor of its last row, if the source has one."""

    name: str
    rows: int
    newest: str = ""


class Watermark(msgspec.Struct, frozen=True, kw_only=True):
    """The files that count, in order, and how far each part of the source (a cursor, a topic's partition) was read."""

    files: tuple[LandedPart, ...] = ()
    read: dict[str, str] = {}


@dataclass(frozen=True)
class Landed:
    """The landed files of one source of one tenant."""

    blobs: Blobs
    tenant: str
    source: str

    @property
    def prefix(self) -> str:
        """Where they are."""
        return f"pulled/tenant={segment(self.tenant, 'tenant')}/source={segment(self.source, 'source')}/"

    def record(self) -> tuple[Watermark | None, str | None]:
        """The record and the tag that ``swap`` asks for; both None before the first pull."""
        try:
            found = self.blobs.read_tagged(self.prefix + _RECORD)
        except BlobMissing:
            return None, None
        assert found is not None  # no tag was given that could still be the newest
        return msgspec.json.decode(found.body, type=Watermark), found.tag

    def store(self, path: Path, *, stem: str, rows: int, newest: str = "") -> LandedPart:
        """Land a file, durably; ``path`` has the suffixes of its format. The same bytes and stem are the same file.

        The stem says which piece of the source it is (a number, a topic's partition and offsets), for people, and so
        that two pieces that happen to hold the same rows are two files.
        """
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        name = f"{stem}-{digest[:_DIGITS]}{''.join(path.suffixes)}"
        with suppress(BlobExists):  # a pull that died, or an earlier one, landed these very rows
            self.blobs.create(self.prefix + name, path)
        return LandedPart(name=name, rows=rows, newest=newest)

    def swap(self, record: Watermark, tag: str | None) -> str:
        """Let the record count, if nobody has pulled since ``tag`` was read; the new tag. Raises ``BlobChanged``."""
        body = msgspec.json.format(msgspec.json.encode(record, order="deterministic"), indent=1)
        return self.blobs.replace(self.prefix + _RECORD, body, tag)

    def sweep(self, record: Watermark, now: datetime, *, before: Watermark | None = None) -> int:
        """Remove files that the record does not name; how many.

        Those that the record ``before`` named go at once, for they hold what the source has no more; of others only
        those that no pull can still be writing.
        """
        named, replaced = {_RECORD} | _names(record), _names(before or Watermark())
        lost = [
            entry.key
            for entry in self.blobs.entries(self.prefix)
            if (name := entry.key.removeprefix(self.prefix)) not in named
            and (name in replaced or entry.modified < now - LEFTOVER)
        ]
        for key in lost:
            self.blobs.delete(key)
        return len(lost)

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """One landed file on this disk, for as long as the block runs. Raises ``MissingPart``."""
        try:
            with fetched(self.blobs, self.prefix + name) as path:
                yield path
        except BlobMissing as error:
            raise MissingPart(
                f"{self.source}/{name}", "the landed file was removed behind the record's back"
            ) from error


@dataclass(frozen=True)
class LandedSource(ABC):
    """A source whose parts are landed files; a kind adds ``name`` and how it pulls."""

    spec: SourceSpec
    place: Place

    @property
    @abstractmethod
    def name(self) -> str:
        """What its landed files and its parts are called; the same on every machine."""

    @property
    def landed(self) -> Landed:
        """Its files. Raises ``SourceError`` where there is no landing area."""
        if self.place.landing is None:
            raise SourceError(f"{self.name} is copied to a landing area, and here is none")
        return Landed(self.place.landing, self.place.tenant, self.name)

    def parts(self) -> list[Part]:
        """The files that count, in the order in which they came. Raises ``MissingPart`` before the first pull."""
        record, _ = self.landed.record()
        if record is None:
            raise MissingPart(self.name, "nothing has been pulled from it yet")
        return [Part(f"{self.name}/{file.name}", file.name.partition(".")[0]) for file in record.files]

    @contextmanager
    def rows(self, part: Part, needs: Needs) -> Iterator[pl.LazyFrame]:
        """The rows of one landed file. Raises ``BadPart``, also for what only shows while the frame is collected."""
        with self._file(part) as path, file_rows(path, part.name, _PLAIN, needs) as rows:
            yield rows

    def columns(self, part: Part) -> dict[str, str]:
        """Every column of one landed file. Raises ``BadPart``."""
        with self._file(part) as path:
            return file_columns(path, part.name, _PLAIN)

    @contextmanager
    def _file(self, part: Part) -> Iterator[Path]:
        with self.landed.file(part.name.removeprefix(f"{self.name}/")) as path:
            yield path


_PLAIN = SourceSpec(path="landed")  # how a landed file is read: by its suffix, with no setting of the document


def _names(record: Watermark) -> set[str]:
    return {file.name for file in record.files}


def source_name(label: str, identity: Mapping[str, str]) -> str:
    """A source's name for keys: the words of ``label``, and a digest of what makes it another source.

    >>> source_name("public.Orders (all)", {"table": "public.Orders"})
    'public-Orders-all-dae24d75'
    """
    digest = hashlib.sha256(msgspec.json.encode(dict(identity), order="deterministic")).hexdigest()[:8]
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", label).strip("-_")[:_LABEL]
    return f"{readable or 'source'}-{digest}"
