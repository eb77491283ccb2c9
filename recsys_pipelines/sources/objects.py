"""Files of a bucket on S3 as a source (``s3://bucket/key``), read like files of a disk: one object, a prefix or a glob.

The fingerprint of an object is its ETag and its size, which listing tells, so nothing is downloaded to see that nothing
changed. The ETag of an object changes whenever its content does. It is a hash of the content for an object that was
written in one request; uploaded again in other pieces, or encrypted by a key of KMS, the same content may get another
ETag, and is then read again, which changes no row.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import polars as pl

from data_contracts.blobs import Blobs, Entry
from data_contracts.errors import BlobMissing, InvalidName, InvalidStore
from data_contracts.open import open_blobs
from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.fetching import fetched, reaching
from recsys_pipelines.sources.naming import is_meant, literal_head, spelled
from recsys_pipelines.sources.reading import file_columns, file_rows
from recsys_pipelines.sources.source import MissingPart, Needs, Part, SourceError
from recsys_pipelines.sources.variables import expanded

SCHEME = "s3://"

_SETTINGS = ("RECSYS_S3_", "AWS_")


@dataclass(frozen=True)
class ObjectSource:
    """The objects of one entry of a tenant document; credentials and endpoint are those of the stores."""

    spec: SourceSpec
    environ: Mapping[str, str]
    _told: dict[Part, dict[str, str]] = field(default_factory=dict, compare=False, repr=False)

    def parts(self) -> list[Part]:
        """Every object, by name. Raises ``MissingPart`` if there is none, ``UnsetVariable`` and ``Unreachable``."""
        with reaching():
            found = [self._part(inside, entry) for inside, entry in self._entries()]
        if not found:
            raise MissingPart(self.spec.path, "there is no such object")
        return found

    @contextmanager
    def rows(self, part: Part, needs: Needs) -> Iterator[pl.LazyFrame]:
        """The rows of one object. Raises ``BadPart``, also for what only shows while the frame is collected."""
        with self._file(part) as path, file_rows(path, part.name, self.spec, needs) as rows:
            self._told[part] = file_columns(path, part.name, self.spec)
            yield rows

    def columns(self, part: Part) -> dict[str, str]:
        """Every column of one object with its type. Raises ``BadPart``.

        The object is fetched for it, unless this source has just read its rows.
        """
        if part not in self._told:
            with self._file(part) as path:
                self._told[part] = file_columns(path, part.name, self.spec)
        return self._told[part]

    def _part(self, inside: str, entry: Entry) -> Part:
        return Part(spelled(self.spec.path).name(inside), f"{entry.tag.strip(chr(34))}-{entry.bytes}")

    def _entries(self) -> Iterator[tuple[str, Entry]]:
        """The objects that are meant, by their place below the prefix (empty: it is itself the object), in order."""
        pattern = spelled(self.spec.path).pattern
        blobs, prefix = self._bucket()
        if not pattern and prefix and (first := next(blobs.entries(prefix), None)) and first.key == prefix:
            yield "", first
            return
        base = f"{prefix}/" if prefix else ""
        for entry in blobs.entries(base + literal_head(pattern)):
            inside = entry.key.removeprefix(base)
            if inside and not inside.endswith("/") and is_meant(inside, self.spec, pattern):
                yield inside, entry

    @contextmanager
    def _file(self, part: Part) -> Iterator[Path]:
        blobs, prefix = self._bucket()
        inside = part.name.removeprefix(spelled(self.spec.path).folder).strip("/")
        try:
            with fetched(blobs, "/".join(each for each in (prefix, inside) if each)) as path:
                yield path
        except (BlobMissing, InvalidName) as error:
            raise MissingPart(part.name, str(error)) from error

    def _bucket(self) -> tuple[Blobs, str]:
        """The bucket, and the key or prefix inside it that the path spells out."""
        folder = expanded(spelled(self.spec.path).folder, self.environ)
        bucket, _, prefix = folder.removeprefix(SCHEME).partition("/")
        settings = sorted((name, value) for name, value in self.environ.items() if name.startswith(_SETTINGS))
        try:
            return _opened(bucket, tuple(settings)), prefix.strip("/")
        except InvalidStore as error:
            raise SourceError(f"{self.spec.path}: {error}") from error


@lru_cache(maxsize=8)
def _opened(bucket: str, settings: tuple[tuple[str, str], ...]) -> Blobs:
    """The bucket's client, which takes longer to make than most objects take to read; threads may share it."""
    return open_blobs(SCHEME + bucket, dict(settings))
