"""A person in published artifacts: id maps of lists and vectors, in the store and in the cache of this machine.

Blobs never change; a generation that holds the person is removed as a whole once another one is served. Which array is
a map of users only a manifest tells; blobs that no manifest names are searched as pairs of bytes and offsets, whatever
they are maps of.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobForeign, BlobMissing, InvalidDocument
from data_contracts.generations import manifest_from
from data_contracts.layout import blobs_prefix, manifests_prefix
from data_contracts.manifest import Artifact, File, Manifest, files_of
from recsys_pipelines.privacy.person import Person

Array = NDArray[Any]


@dataclass(frozen=True)
class Generations:
    """Every stored manifest of the tenant, with the artifacts it names."""

    blobs: Blobs
    person: Person
    store: str = "store (generations)"
    method: str = "entries of the id maps of users in every artifact, served and evaluated"
    _counts: dict[str, int] = field(default_factory=dict)

    def keys(self) -> Iterator[str]:
        """Every manifest."""
        return (entry.key for entry in list(self.blobs.entries(manifests_prefix(self.person.tenant))))

    def count(self, key: str) -> int:
        """Entries of id maps that are the person's."""
        manifest = self.manifest(key)
        return sum(self._held(artifact) for artifact in _artifacts(manifest)) if manifest else 0

    def clean(self, key: str) -> None:
        """Remove the manifest; its blobs are nobody's then."""
        self.blobs.delete(key)

    def manifest(self, key: str) -> Manifest | None:
        """The manifest of a key, None if it cannot be read."""
        _, tenant, surface, name = key.split("/")
        with suppress(InvalidDocument, BlobForeign, BlobMissing, ValueError):
            return manifest_from(self.blobs.read(key), tenant, surface, int(name.removesuffix(".json")))
        return None

    @property
    def needed(self) -> set[str]:
        """The blobs that any manifest names."""
        manifests = [self.manifest(key) for key in self.keys()]
        return {file.uri for manifest in manifests if manifest for file in files_of(manifest)}

    def _held(self, artifact: Artifact) -> int:
        files = {file.name.removeprefix(f"{artifact.name}.").removesuffix(".npy"): file for file in artifact.files}
        if not {"users.bytes", "users.offsets"} <= files.keys():
            return 0
        data, offsets = files["users.bytes"], files["users.offsets"]
        if data.uri not in self._counts:
            self._counts[data.uri] = len(self.person.among(entries(self._array(data), self._array(offsets))))
        return self._counts[data.uri]

    def _array(self, file: File) -> Array:
        return _array(self.blobs.read(file.uri))


@dataclass(frozen=True)
class Orphans:
    """Blobs that no manifest names: what a publisher that died, or a removed generation, left."""

    blobs: Blobs
    person: Person
    needed: frozenset[str]
    store: str = "store (blobs of no generation)"
    method: str = "entries of any pair of bytes and offsets that fit together"

    def keys(self) -> Iterator[str]:
        """One key for all: a map is two blobs, and which two nobody says."""
        yield blobs_prefix(self.person.tenant)

    def count(self, key: str) -> int:
        """Entries that are one of the person's ids."""
        return _in_pairs((self.blobs.read(name) for name in self._names(key)), self.person)

    def clean(self, key: str) -> None:
        """Remove them all."""
        for name in self._names(key):
            self.blobs.delete(name)

    def _names(self, prefix: str) -> list[str]:
        return [entry.key for entry in self.blobs.entries(prefix) if entry.key not in self.needed]


@dataclass(frozen=True)
class Cache:
    """Blobs on this machine that a server fetched, of generations that are no longer stored."""

    folder: Path
    person: Person
    needed: frozenset[str]
    store: str = "cache"
    method: str = "entries of any pair of bytes and offsets that fit together, in blobs of no stored generation"

    def keys(self) -> Iterator[str]:
        """One key for all."""
        yield blobs_prefix(self.person.tenant)

    def count(self, key: str) -> int:
        """Entries that are one of the person's ids."""
        return _in_pairs((path.read_bytes() for path in self._paths(key)), self.person)

    def clean(self, key: str) -> None:
        """Remove them all; a worker that has one mapped keeps it until its next generation."""
        for path in self._paths(key):
            path.unlink(missing_ok=True)

    def _paths(self, prefix: str) -> list[Path]:
        found = sorted(path for path in (self.folder / prefix).rglob("*") if path.is_file())
        return [path for path in found if path.relative_to(self.folder).as_posix() not in self.needed]


def entries(data: Array, offsets: Array) -> Iterator[str]:
    """The texts of a packed array."""
    whole = data.tobytes()
    bounds = offsets.tolist()
    for begin, end in pairwise(bounds):
        yield whole[begin:end].decode("utf-8", "replace")


def _artifacts(manifest: Manifest) -> Iterable[Artifact]:
    return (*manifest.artifacts, *manifest.evaluation.artifacts)


def _in_pairs(bodies: Iterable[bytes], person: Person) -> int:
    """How many entries of maps among these arrays are the person's."""
    arrays = [array for body in bodies if (array := _maybe(body)) is not None]
    by_length: dict[int, list[Array]] = {}
    for array in arrays:
        if array.dtype == np.uint8 and array.ndim == 1:
            by_length.setdefault(len(array), []).append(array)
    found = 0
    for array in arrays:
        if array.dtype == np.int64 and array.ndim == 1 and len(array) > 1 and array[0] == 0 and _rises(array):
            found += sum(len(person.among(entries(data, array))) for data in by_length.get(int(array[-1]), ()))
    return found


def _rises(array: Array) -> bool:
    return bool((np.diff(array) >= 0).all())


def _maybe(body: bytes) -> Array | None:
    with suppress(ValueError, EOFError):
        return _array(body)
    return None


def _array(body: bytes) -> Array:
    array: Array = np.load(io.BytesIO(body), allow_pickle=False)
    return array
