"""What a candidate sends to the store: its files hashed and described, then written once under their hash."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, cast

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobCorrupt, BlobExists
from data_contracts.layout import blob_key, blobs_prefix
from data_contracts.manifest import Artifact, File
from data_contracts.tables import Shape
from recsys_algo.encode import Encoded
from recsys_pipelines.pointers import After

Sources = Mapping[File, bytes | Path]


class Parcel(NamedTuple):
    """The parts of a manifest that name blobs, and where each blob comes from."""

    config: File
    artifacts: tuple[Artifact, ...]
    evaluated: tuple[Artifact, ...]
    sources: Sources


def packed(tenant: str, document: bytes, artifacts: Sequence[Encoded], evaluated: Sequence[Encoded]) -> Parcel:
    """Hash everything once; artifacts in the order of their names, so that the same ones make the same manifest."""
    sources: dict[File, bytes | Path] = {}

    def file(name: str, source: bytes | Path) -> File:
        made = _file(tenant, name, source)
        sources[made] = source
        return made

    def described(fit: Sequence[Encoded]) -> tuple[Artifact, ...]:
        return tuple(
            Artifact(
                name=encoded.name,
                kind=encoded.kind,
                shape=cast("Shape", encoded.shape),
                rows=encoded.rows,
                files=tuple(file(path.name, path) for path in sorted(encoded.files)),
                segment=encoded.segment,
            )
            for encoded in sorted(fit, key=lambda encoded: (encoded.name, encoded.segment))
        )

    return Parcel(file("tenant.json", document), described(artifacts), described(evaluated), sources)


def store(blobs: Blobs, tenant: str, sources: Sources, after: After) -> None:
    """Write what is not there yet; ``after("blob")`` follows each write. Raises ``BlobCorrupt`` for one cut short."""
    sizes = {entry.key: entry.bytes for entry in blobs.entries(blobs_prefix(tenant))}  # one request, not one per blob
    for file in sorted(sources, key=lambda file: file.uri):
        size = sizes.get(file.uri)
        if size is None:
            with suppress(BlobExists):  # another publisher of the same content was quicker
                blobs.create(file.uri, sources[file])
            after("blob")
        elif size != file.bytes:
            raise BlobCorrupt(
                f"{file.uri} in {blobs.url} has {size} bytes instead of {file.bytes}, so something else than a "
                "publisher wrote or cut it; delete it and publish again"
            )


def _file(tenant: str, name: str, source: bytes | Path) -> File:
    if isinstance(source, bytes):
        digest, size = hashlib.sha256(source).hexdigest(), len(source)
    else:
        with source.open("rb") as opened:
            digest, size = hashlib.file_digest(opened, "sha256").hexdigest(), source.stat().st_size
    return File(name=name, uri=blob_key(tenant, digest), sha256=digest, bytes=size)
