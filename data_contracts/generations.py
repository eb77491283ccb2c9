"""What publisher and server both read of a store: pointers, manifests, and blobs with the proof that they are whole."""

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobCorrupt, BlobForeign
from data_contracts.layout import blob_key, manifest_key, manifests_prefix, pointer_key
from data_contracts.manifest import File, Manifest, Pointer, decode, files_of

IN_MEMORY_BYTES = 16 << 20  # larger blobs are read back by way of a file


class Pointed(NamedTuple):
    """A pointer and the tag that moving it asks for."""

    pointer: Pointer
    tag: str


def pointed(blobs: Blobs, tenant: str, surface: str, known_tag: str | None = None) -> Pointed | None:
    """Where the surface points; None if the tag still is ``known_tag``. Raises ``BlobMissing``, ``InvalidDocument``."""
    key = pointer_key(tenant, surface)
    found = blobs.read_tagged(key, known_tag)
    return None if found is None else Pointed(decode(found.body, Pointer, key), found.tag)


def numbers(blobs: Blobs, tenant: str, surface: str) -> list[int]:
    """The generations whose manifest is stored, ascending."""
    names = (entry.key.rpartition("/")[2] for entry in blobs.entries(manifests_prefix(tenant, surface)))
    return sorted(int(name.removesuffix(".json")) for name in names if name.removesuffix(".json").isdecimal())


def read_manifest(blobs: Blobs, tenant: str, surface: str, generation: int) -> Manifest:
    """The manifest of that generation. Raises ``BlobMissing``, ``InvalidDocument``, ``BlobForeign``."""
    return manifest_from(blobs.read(manifest_key(tenant, surface, generation)), tenant, surface, generation)


def manifest_from(body: bytes, tenant: str, surface: str, generation: int) -> Manifest:
    """The manifest in ``body``, if it is the one of its key and refers to blobs of its tenant only."""
    origin = manifest_key(tenant, surface, generation)
    manifest = decode(body, Manifest, origin)
    if (manifest.tenant, manifest.surface, manifest.generation) != (tenant, surface, generation):
        raise BlobForeign(f"{origin} is that of {manifest.tenant}/{manifest.surface}/{manifest.generation}")
    for file in files_of(manifest):
        if file.uri != blob_key(tenant, file.sha256):
            raise BlobForeign(f"{origin} refers to {file.uri!r}, which is no blob of tenant {tenant!r} with that hash")
    return manifest


def download_whole(blobs: Blobs, file: File, path: Path) -> None:
    """Fetch the blob of ``file`` to ``path``. Raises ``BlobCorrupt`` if it is not the promised one."""
    blobs.download(file.uri, path)
    require_whole(path, file)


def require_whole(path: Path, file: File) -> None:
    """Raises ``BlobCorrupt`` unless the local file has the size and the hash that a manifest promises."""
    _require_size(path.stat().st_size, file)
    with path.open("rb") as opened:
        _require_hash(hashlib.file_digest(opened, "sha256").hexdigest(), file)


def require_stored(blobs: Blobs, files: Iterable[File]) -> None:
    """Read every blob back. Raises ``BlobMissing`` or ``BlobCorrupt`` for the first that is not there as promised."""
    with tempfile.TemporaryDirectory(prefix="recsys-verify-") as folder:
        for file in sorted(set(files), key=lambda file: file.uri):
            if file.bytes > IN_MEMORY_BYTES:
                download_whole(blobs, file, Path(folder) / "blob")
            else:
                body = blobs.read(file.uri)
                _require_size(len(body), file)
                _require_hash(hashlib.sha256(body).hexdigest(), file)


def _require_size(found: int, file: File) -> None:
    if found != file.bytes:
        raise BlobCorrupt(f"{file.uri} ({file.name}) has {found} bytes instead of {file.bytes}")


def _require_hash(found: str, file: File) -> None:
    if found != file.sha256:
        raise BlobCorrupt(f"{file.uri} ({file.name}) holds other bytes: their SHA-256 is {found}")
