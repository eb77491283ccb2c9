"""Loading: from a surface's pointer to a bundle in memory that has proved itself, or a reason why not.

Nothing is changed on the way but the cache, and a bundle is returned only when all of it was verified and a probe query
was answered. So whoever loads keeps what it has until then, and a process killed here leaves nothing half done.

LoadFailed
|- MissingPointer     nothing was published on that surface                         missing_pointer
|- MissingManifest    the pointer names a generation that is not stored             missing_manifest
|- MissingBlob        the manifest names a blob that is not stored                  missing_blob
|- BadHash            bytes are not those that pointer or manifest promise          bad_hash
|- BadSignature       not signed by a key that this reader knows                    bad_signature
|- WrongTenant        a value of another tenant, surface or generation than its key wrong_tenant
|- BadSchema          a document or an array that this version cannot read          bad_schema
|- WrongEngine        artifacts for another version of the ranking core             engine_api
|- ProbeEmpty         a probe user or item gets no recommendations                  probe_empty
|- StoreDown          store or cache do not answer; trying again may help           store_unavailable
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, NamedTuple

from data_contracts.blobs import Blobs
from data_contracts.documents import Ranking, parse
from data_contracts.errors import (
    BlobCorrupt,
    BlobForeign,
    BlobMissing,
    ContractError,
    InvalidDocument,
    InvalidName,
    StoreUnavailable,
)
from data_contracts.generations import manifest_from, pointed
from data_contracts.layout import POINTERS, manifest_key
from data_contracts.layout import pointed as pointed_at
from data_contracts.manifest import ENGINE_API, File, Manifest, Pointer, supports
from data_contracts.signature import require_signed
from recsys_algo.bundle import Bundle, open_bundle
from recsys_algo.cache import fetched
from recsys_algo.errors import BadArtifact
from recsys_algo.rank import recommend
from recsys_algo.situation import Query


class LoadFailed(ContractError):
    """A surface cannot be loaded. ``kind`` is what was bad: pointer, manifest, config, bundle or an artifact's kind."""

    reason: ClassVar[str]

    def __init__(self, message: str, kind: str) -> None:
        self.kind = kind
        super().__init__(message)


class MissingPointer(LoadFailed):
    """Nothing was published on that surface."""

    reason = "missing_pointer"


class MissingManifest(LoadFailed):
    """The generation is not stored."""

    reason = "missing_manifest"


class MissingBlob(LoadFailed):
    """A blob of the generation is not stored."""

    reason = "missing_blob"


class BadHash(LoadFailed):
    """Stored bytes are not the promised ones."""

    reason = "bad_hash"


class BadSignature(LoadFailed):
    """The manifest was not signed, as it stands, by a known key."""

    reason = "bad_signature"


class WrongTenant(LoadFailed):
    """A stored value belongs to another tenant, surface or generation than its key."""

    reason = "wrong_tenant"


class BadSchema(LoadFailed):
    """A document or an array is not of a form that this version reads."""

    reason = "bad_schema"


class WrongEngine(LoadFailed):
    """The artifacts were written for another version of the ranking core."""

    reason = "engine_api"


class ProbeEmpty(LoadFailed):
    """The generation opens, but recommends nothing."""

    reason = "probe_empty"


class StoreDown(LoadFailed):
    """Store or cache did not answer."""

    reason = "store_unavailable"


class Loaded(NamedTuple):
    """A bundle that is ready to serve, and the tag of the pointer that led to it."""

    bundle: Bundle
    manifest: Manifest
    pointer_tag: str


def load(  # noqa: PLR0913 - a place, and how to get there
    blobs: Blobs,
    tenant: str,
    surface: str,
    cache: Path,
    *,
    known_tag: str | None = None,
    keys: Mapping[str, bytes] | None = None,
    generation: int | None = None,
) -> Loaded | None:
    """What the surface serves; None if its pointer still has ``known_tag``. Raises a ``LoadFailed``.

    With ``keys`` (public keys by id, see `data_contracts.signature`) only signed manifests are accepted.
    ``generation`` loads another one than the pointer's, such as its canary; no hash is known of its manifest.
    """
    with _failing("pointer", MissingPointer):
        at = pointed(blobs, tenant, surface, known_tag)
    if at is None:
        return None
    manifest = _manifest(blobs, (tenant, surface, generation or at.pointer.generation), at.pointer, keys)
    bundle = open_generation(blobs, manifest, cache)
    _probe(bundle)
    return Loaded(bundle, manifest, at.tag)


def open_generation(blobs: Blobs, manifest: Manifest, cache: Path, *, evaluated: bool = False) -> Bundle:
    """The bundle of a manifest, or of the fit that was evaluated for it. Raises a ``LoadFailed``."""
    artifacts = manifest.evaluation.artifacts if evaluated else manifest.artifacts
    if evaluated and not artifacts:
        raise BadSchema(f"generation {manifest.generation} has no evaluated fit", "manifest")
    kinds = {file.uri: artifact.kind for artifact in artifacts for file in artifact.files}

    def path_of(file: File) -> Path:
        kind = kinds.get(file.uri, "catalog")
        with _failing(kind, MissingBlob):
            return fetched(blobs, file, cache)

    ranking = _ranking(blobs, manifest, cache)
    with _failing("bundle", MissingBlob):
        return open_bundle(manifest, path_of, ranking, artifacts=artifacts)


def surfaces(blobs: Blobs) -> list[tuple[str, str]]:
    """Every tenant and surface with a pointer, in order. Keys that are no pointers are passed over."""
    found = []
    with _failing("pointer", MissingPointer):
        for entry in blobs.entries(POINTERS):
            with suppress(InvalidName):
                found.append(pointed_at(entry.key))
    return sorted(found)


def _manifest(
    blobs: Blobs, wanted: tuple[str, str, int], pointer: Pointer, keys: Mapping[str, bytes] | None
) -> Manifest:
    key = manifest_key(*wanted)
    with _failing("manifest", MissingManifest):
        body = blobs.read(key)
        if wanted[2] == pointer.generation and sha256(body).hexdigest() != pointer.sha256:
            raise BlobCorrupt(f"{key} is not the manifest that the pointer promises")
        manifest = manifest_from(body, *wanted)
        _require_signed(body, keys, key)
    if not supports(manifest.engine_api):
        raise WrongEngine(f"{key} needs a ranking core {manifest.engine_api}; this one is {ENGINE_API}", "manifest")
    return manifest


def _require_signed(body: bytes, keys: Mapping[str, bytes] | None, key: str) -> None:
    if keys is None:
        return
    try:
        require_signed(body, keys, key)
    except BlobCorrupt as error:
        raise BadSignature(str(error), "manifest") from error


def _ranking(blobs: Blobs, manifest: Manifest, cache: Path) -> Ranking:
    with _failing("config", MissingBlob):
        document = parse(fetched(blobs, manifest.config, cache).read_bytes(), manifest.config.uri)
        if document.tenant != manifest.tenant or manifest.surface not in document.surfaces:
            raise BlobForeign(f"{manifest.config.uri} is not a document for {manifest.tenant}/{manifest.surface}")
        return document.on(manifest.surface)


def _probe(bundle: Bundle) -> None:
    """A stranger gets something, and so does a visitor of an item, if there is more than that one."""
    stranger = Query(k=2, now=bundle.window_end)
    try:
        found = recommend(bundle, stranger).items
        if not found:
            raise ProbeEmpty(f"{_name(bundle)} recommends nothing to a stranger", "bundle")
        visited = Query(k=2, now=bundle.window_end, anchors=(found[0].item_id,))
        if len(found) > 1 and not recommend(bundle, visited).items:
            raise ProbeEmpty(f"{_name(bundle)} recommends nothing beside item {found[0].item_id!r}", "bundle")
    except (IndexError, ValueError) as error:
        raise BadSchema(f"{_name(bundle)} has arrays that do not fit together: {error}", "bundle") from error


def _name(bundle: Bundle) -> str:
    return f"generation {bundle.generation} of {bundle.tenant}/{bundle.surface}"


@contextmanager
def _failing(kind: str, missing: type[LoadFailed]) -> Iterator[None]:
    """Turn what stores, contracts and arrays raise into the reason why loading failed."""
    reasons: list[tuple[type[Exception], type[LoadFailed]]] = [
        (BlobMissing, missing),
        (BlobCorrupt, BadHash),
        (BlobForeign, WrongTenant),
        (InvalidDocument, BadSchema),
        (BadArtifact, BadSchema),
        (StoreUnavailable, StoreDown),
        (OSError, StoreDown),
    ]
    try:
        yield
    except tuple(known for known, _ in reasons) as error:
        failure = next(failure for known, failure in reasons if isinstance(error, known))
        raise failure(str(error), kind) from error
