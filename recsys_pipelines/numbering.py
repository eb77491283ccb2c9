"""A manifest gets its number: that of one which a killed publisher left behind, if it says the same, or the next."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from data_contracts.errors import BlobExists, BlobForeign, BlobMissing, InvalidDocument
from data_contracts.generations import manifest_from, numbers
from data_contracts.layout import manifest_key
from data_contracts.manifest import Manifest, canonical, content, decode
from data_contracts.signature import SigningKey, sign
from recsys_pipelines.pointers import Place, moves


class Recorded(NamedTuple):
    """A manifest as it is stored, and the hash that a pointer to it carries."""

    manifest: Manifest
    sha256: str


def same(manifest: Manifest, draft: Manifest, signing: SigningKey | None) -> bool:
    """Whether a stored manifest serves what the draft would, signed by who would sign it now."""
    signer = manifest.signature.key_id if manifest.signature else None
    return content(manifest) == content(draft) and (signing is None or signer == signing.key_id)


def recorded(place: Place, draft: Manifest, signing: SigningKey | None) -> Recorded:
    """The draft as a numbered manifest in the store. Its own number is not looked at.

    A manifest that was never served and would say the same, judged the same against the same parent, is used again.
    """
    taken = [draft.parent or 0, *numbers(*place), *(past.to_generation for past in moves(place))]
    for found in _never_served(place, draft.parent or 0):
        if same(found.manifest, draft, signing) and _judged(found.manifest) == _judged(draft):
            return found
    generation = max(taken) + 1
    while True:
        manifest = msgspec.structs.replace(draft, generation=generation)
        manifest = sign(manifest, signing) if signing else manifest
        if _written(place, manifest):
            return _as_stored(manifest, canonical(manifest))
        generation += 1


def _written(place: Place, manifest: Manifest) -> bool:
    """Whether the number was free, or taken by this very manifest."""
    key, body = manifest_key(place.tenant, place.surface, manifest.generation), canonical(manifest)
    decode(body, Manifest, key)  # what nobody could read must not be written
    try:
        place.blobs.create(key, body)
    except BlobExists:
        return place.blobs.read(key) == body
    return True


def _never_served(place: Place, current: int) -> Iterator[Recorded]:
    """The readable manifests beyond the current generation to which the pointer never moved."""
    served = {past.to_generation for past in moves(place)}
    for generation in numbers(*place):
        if generation > current and generation not in served:
            with suppress(BlobMissing, BlobForeign, InvalidDocument):  # of no use here; sweeping is another's task
                body = place.blobs.read(manifest_key(place.tenant, place.surface, generation))
                yield _as_stored(manifest_from(body, place.tenant, place.surface, generation), body)


def _judged(manifest: Manifest) -> Any:
    return manifest.parent, manifest.evaluation.decision, manifest.evaluation.artifacts


def _as_stored(manifest: Manifest, body: bytes) -> Recorded:
    return Recorded(manifest, hashlib.sha256(body).hexdigest())
