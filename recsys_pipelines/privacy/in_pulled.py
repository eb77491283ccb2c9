"""A person in what was pulled from outside: the landed files of Postgres and Kafka.

Files are read through the tenant document, as ingest reads them, so a person is found under whatever column and form
the source has; files of a source that the document no longer names are searched value by value. Rows are taken out of a
file in its place: its name, and what the record says of it, stay.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from data_contracts.blobs import Blobs
from data_contracts.documents import TenantDocument
from data_contracts.pseudonym import Pseudonyms
from data_contracts.source_specs import SourceSpec
from recsys_pipelines import mapping
from recsys_pipelines.contract import SUBJECTS
from recsys_pipelines.ledger import LANDED, TableName
from recsys_pipelines.privacy.person import Person
from recsys_pipelines.sources.opening import opened
from recsys_pipelines.sources.source import BadPart, Part, Place, Pulling

_RECORD = "/watermark.json"
_ZSTD = ".zst"
_ARROW = "ARROW:schema"  # written by whoever writes the file

Readers = Mapping[str, tuple[SourceSpec, TableName]]  # by the name of the source


@dataclass(frozen=True)
class PulledFiles:
    """The landed files of a tenant's sources that are outside."""

    blobs: Blobs
    document: TenantDocument
    place: Place
    person: Person
    store: str = "landing (pulled)"
    method: str = "rows that the tenant document maps to the person; of sources that it no longer has, rows with the id"
    _rows: dict[str, list[int]] = field(default_factory=dict)

    def keys(self) -> Iterator[str]:
        """Every landed file, also one that a killed pull left and no record names."""
        self._rows.clear()
        readers = self._readers()
        for entry in list(self.blobs.entries(f"pulled/tenant={self.person.tenant}/")):
            if not entry.key.endswith(_RECORD):
                self._rows[entry.key] = self._found(entry.key, readers)
                yield entry.key

    def count(self, key: str) -> int:
        """Rows that are the person's."""
        return len(self._rows.get(key, ()))

    def clean(self, key: str) -> None:
        """The file without those rows."""
        found = self.blobs.read_tagged(key)
        assert found is not None  # no tag was given that it could still have
        self.blobs.replace(key, without_rows(found.body, self._rows[key], key), found.tag)

    def take_out(self, part: Part, spec: SourceSpec, table: TableName) -> None:
        """Clean one landed file of a source."""
        key = f"pulled/tenant={self.person.tenant}/source={part.name}"
        self._rows[key] = self._mapped(part, spec, table)
        if self._rows[key]:
            self.clean(key)

    def _readers(self) -> Readers:
        """How the files of each source are read; a source whose files no document explains is not among them."""
        found: dict[str, tuple[SourceSpec, TableName]] = {}
        for table in LANDED:
            for spec in getattr(self.document.sources, table):
                source = opened(spec, self.place)
                if isinstance(source, Pulling):
                    found[source.name] = (spec, table)
        return found

    def _found(self, key: str, readers: Readers) -> list[int]:
        source, _, name = key.partition("/source=")[2].partition("/")
        if source not in readers:
            return anywhere(self.blobs.read(key), key, self.person)
        with suppress(BadPart):
            return self._mapped(Part(f"{source}/{name}", ""), *readers[source])
        return anywhere(self.blobs.read(key), key, self.person)

    def _mapped(self, part: Part, spec: SourceSpec, table: TableName) -> list[int]:
        source, columns = opened(spec, self.place), LANDED[table]
        with source.rows(part, mapping.needs(spec, columns)) as rows:
            return self._theirs(mapping.mapped(rows, columns, spec, self.document.currency).collect())

    def _theirs(self, mapped: pl.DataFrame) -> list[int]:
        names = [name for name in SUBJECTS if name in mapped.columns]
        ids = {name: self.person.among(mapped[name].unique()) for name in names}
        is_theirs = [pl.col(name).is_in(those).fill_null(value=False) for name, those in ids.items() if those]
        return mapped.filter(pl.any_horizontal(is_theirs))["row"].to_list() if is_theirs else []


def everyone(tenant: str, forgotten: frozenset[str], pseudonyms: Pseudonyms) -> Person:
    """All the forgotten people of a tenant, as if they were one."""
    return Person(tenant, "", frozenset(), forgotten, pseudonyms)


def anywhere(body: bytes, key: str, person: Person) -> list[int]:
    """The rows, from 1, of a Parquet file or of JSON lines that have one of the person's ids as a value."""
    if not body:  # emptied, since it was too old
        return []
    if not key.endswith(".parquet"):
        return [number for number, line in enumerate(_lines(body, key), 1) if _names(line, person)]
    rows = pl.read_parquet(io.BytesIO(body)).select(pl.col(pl.String))
    ids = {name: person.among(rows[name].unique()) for name in rows.columns}
    hits = [pl.col(name).is_in(those).fill_null(value=False) for name, those in ids.items() if those]
    numbered = rows.with_row_index("__number", offset=1)
    return numbered.filter(pl.any_horizontal(hits))["__number"].to_list() if hits else []


def without_rows(body: bytes, numbers: Sequence[int], key: str) -> bytes:
    """A Parquet file or JSON lines (also compressed) without the rows of these numbers, from 1."""
    gone = set(numbers)
    if key.endswith(".parquet"):
        rows, buffer = pl.read_parquet(io.BytesIO(body)), io.BytesIO()
        number = pl.int_range(1, pl.len() + 1)
        said = {name: value for name, value in pl.read_parquet_metadata(io.BytesIO(body)).items() if name != _ARROW}
        rows.filter(~number.is_in(sorted(gone))).write_parquet(buffer, compression="zstd", metadata=said)
        return buffer.getvalue()
    plain = b"".join(line for number, line in enumerate(_lines(body, key), 1) if number not in gone)
    return bytes(pa.Codec("zstd").compress(plain, asbytes=True)) if key.endswith(_ZSTD) else plain


def _lines(body: bytes, key: str) -> list[bytes]:
    """The lines that are rows, each with its end."""
    if key.endswith(_ZSTD):
        with pa.input_stream(pa.py_buffer(body), compression="zstd") as stream:
            body = stream.read()
    return [line for line in body.splitlines(keepends=True) if line.strip()]


def _names(line: bytes, person: Person) -> bool:
    try:
        return _holds(msgspec.json.decode(line), person)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _holds(value: Any, person: Person) -> bool:
    if isinstance(value, dict):
        return any(_holds(inner, person) for inner in value.values())
    if isinstance(value, list):
        return any(_holds(inner, person) for inner in value)
    return person.has(value)
