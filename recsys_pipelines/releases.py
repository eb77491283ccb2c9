"""Releases after they are out: which there are, how to take one back, and which may be forgotten."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import msgspec

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobCorrupt, BlobForeign, BlobMissing, ContractError, InvalidDocument
from data_contracts.generations import manifest_from, numbers, require_stored
from data_contracts.layout import blobs_prefix, manifest_key, manifests_prefix
from data_contracts.manifest import ENGINE_API, PUBLISHABLE, Manifest, Move, Pointer, files_of, supports
from recsys_pipelines.pointers import Place, complete, move, moves, served

GRACE = timedelta(hours=24)  # longer than any publisher takes from its first blob to its pointer


class NoSuchRelease(ContractError):
    """The generation was never served, or retention has forgotten it."""


class BrokenRelease(ContractError):
    """The generation is not stored as it was published, so it cannot be served again."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One generation of one surface; the decision of a manifest that cannot be read is ``unreadable``."""

    surface: str
    generation: int
    current: bool
    created_at: datetime
    decision: str
    metrics: dict[str, float]


class Swept(NamedTuple):
    """What was removed. While a manifest is ``unreadable`` no blob is: it might need any of them."""

    manifests: int
    blobs: int
    leftovers: int
    unreadable: tuple[str, ...]


class _Stored(NamedTuple):
    surface: str
    generation: int
    key: str
    modified: datetime
    manifest: Manifest | None  # None: unreadable

    @property
    def publishable(self) -> bool:
        return self.manifest is None or self.manifest.evaluation.decision in PUBLISHABLE


def releases(blobs: Blobs, tenant: str) -> list[Release]:
    """Every stored generation, by surface, the newest first."""
    stored = list(_stored(blobs, tenant))
    current = {surface: served(Place(blobs, tenant, surface)) for surface in {found.surface for found in stored}}
    return [
        Release(
            surface=found.surface,
            generation=found.generation,
            current=(at := current[found.surface]) is not None and at.pointer.generation == found.generation,
            created_at=found.manifest.created_at if found.manifest else found.modified,
            decision=found.manifest.evaluation.decision if found.manifest else "unreadable",
            metrics=found.manifest.evaluation.metrics if found.manifest else {},
        )
        for found in sorted(stored, key=lambda found: (found.surface, -found.generation))
    ]


def rollback(  # noqa: PLR0913 - its circumstances, each by name
    blobs: Blobs, tenant: str, surface: str, to: int, *, now: datetime, by: str, reason: str
) -> Move:
    """Serve an earlier generation again, after reading all of it back; nothing is computed. The history's line.

    Going to where the pointer is already changes nothing. A canary is given up. Raises ``NoSuchRelease``,
    ``BrokenRelease``, ``LostRace``.
    """
    return _serve(_Change(Place(blobs, tenant, surface), now, by, reason), lambda _: to, _served_once)


def demote(blobs: Blobs, tenant: str, surface: str, *, now: datetime, by: str, reason: str) -> Move:
    """Take back what is served: the next older generation that was served once is so again. Raises as ``rollback``."""
    place = Place(blobs, tenant, surface)

    def before(current: int) -> int:
        older = {move.to_generation for move in moves(place) if move.to_generation < current}
        if not older & set(numbers(*place)):
            raise NoSuchRelease(f"nothing older than generation {current} of {place} can be served again")
        return max(older & set(numbers(*place)))

    return _serve(_Change(place, now, by, reason), before, _served_once)


def promote(  # noqa: PLR0913 - its circumstances, each by name
    blobs: Blobs, tenant: str, surface: str, to: int | None, *, now: datetime, by: str, reason: str
) -> Move:
    """Serve generation ``to`` (None: the newest) that the gate let through, also if it never was served.

    One that the gate stopped is not served by hand: change the gate and run again. Raises as ``rollback``.
    """
    place = Place(blobs, tenant, surface)

    def let_through(_: int) -> int:
        let = [each.generation for each in _stored(blobs, tenant) if each.surface == surface and each.publishable]
        wanted = max(let, default=0) if to is None else to
        if wanted not in let:
            raise NoSuchRelease(
                f"generation {wanted} of {place} is not stored, or the gate did not let it through; "
                f"one can promote {', '.join(map(str, let)) or 'none'}"
            )
        return wanted

    return _serve(_Change(place, now, by, reason), let_through, _servable)


class _Change(NamedTuple):
    place: Place
    now: datetime
    by: str
    reason: str


def _serve(change: _Change, choose: Callable[[int], int], read: Callable[[Place, int], bytes]) -> Move:
    """Point the surface at the generation that is chosen, knowing the current one. The history's line."""
    place = change.place
    seen = served(place)
    if seen is None:
        raise NoSuchRelease(f"nothing was ever published on {place}")
    last = complete(place, seen.pointer)
    to = choose(seen.pointer.generation)
    if to == seen.pointer.generation:
        return last
    pointer = Pointer(
        generation=to,
        sha256=hashlib.sha256(read(place, to)).hexdigest(),
        updated_at=change.now,
        updated_by=change.by,
        reason=change.reason,
    )
    move(place, pointer, seen)
    return complete(place, pointer)


def sweep(blobs: Blobs, tenant: str, keep: int, now: datetime, *, grace: timedelta = GRACE) -> Swept:
    """Forget what nobody needs: of each surface all but the last ``keep`` generations and those a pointer names.

    Refused candidates are counted apart, so that they do not push out what one may have to roll back to. Whatever is
    younger than ``grace`` stays, for a publisher that has not come to its manifest or its pointer yet. Blobs are listed
    before manifests are read, and written again by a publisher whose manifest comes to find them gone.
    """
    if keep < 1:
        raise ValueError(f"keep is {keep}; at least the current generation has to stay")
    before = now - grace
    old = [entry.key for entry in blobs.entries(blobs_prefix(tenant)) if entry.modified < before]
    stored = list(_stored(blobs, tenant))
    kept = set()
    for surface, group in groupby(stored, key=lambda found: found.surface):
        named = _named(Place(blobs, tenant, surface))
        kept |= {found.key for found in group if found.generation in named or found.modified >= before}
    kept |= {found.key for found in _last(stored, keep)}
    dropped = [found.key for found in stored if found.key not in kept]
    for key in dropped:
        blobs.delete(key)
    unreadable = tuple(found.key for found in stored if found.manifest is None and found.key in kept)
    needed = {file.uri for found in stored if found.manifest and found.key in kept for file in files_of(found.manifest)}
    unneeded = [] if unreadable else [key for key in old if key not in needed]
    for key in unneeded:
        blobs.delete(key)
    return Swept(len(dropped), len(unneeded), blobs.discard_leftovers(before), unreadable)


def _stored(blobs: Blobs, tenant: str) -> Iterator[_Stored]:
    """Every manifest, by surface and generation."""
    for entry in blobs.entries(manifests_prefix(tenant)):
        match entry.key.split("/")[2:]:
            case [surface, name] if name.endswith(".json") and name.removesuffix(".json").isdecimal():
                generation = int(name.removesuffix(".json"))
                try:
                    manifest = manifest_from(blobs.read(entry.key), tenant, surface, generation)
                except (InvalidDocument, BlobForeign):
                    manifest = None
                except BlobMissing:  # swept by somebody else since it was listed
                    continue
                yield _Stored(surface, generation, entry.key, entry.modified, manifest)


def _named(place: Place) -> set[int]:
    """The generations that the surface's pointer refers to."""
    if (at := served(place)) is None:
        return set()
    return {at.pointer.generation} | ({at.pointer.canary.generation} if at.pointer.canary else set())


def _last(stored: Iterable[_Stored], keep: int) -> Iterator[_Stored]:
    """The newest ``keep`` of each surface that may be served, and of those that may not."""

    def kind(found: _Stored) -> tuple[str, bool]:
        return found.surface, found.publishable

    for _, group in groupby(sorted(stored, key=lambda found: (kind(found), found.generation)), key=kind):
        yield from list(group)[-keep:]


def _served_once(place: Place, generation: int) -> bytes:
    """The manifest of a generation that was served once and can be served again."""
    once = {past.to_generation for past in moves(place)}
    stored = [number for number in numbers(*place) if number in once]
    if generation not in stored:
        what = "is no longer stored" if generation in once else "was never served"
        others = ", ".join(map(str, stored))
        raise NoSuchRelease(f"generation {generation} of {place} {what}; one can go to {others}")
    return _servable(place, generation)


def _servable(place: Place, generation: int) -> bytes:
    """The manifest of a generation that is stored whole and can be read by servers."""
    name = f"generation {generation} of {place}"
    try:
        body = place.blobs.read(manifest_key(place.tenant, place.surface, generation))
    except BlobMissing as error:
        raise NoSuchRelease(f"{name} is no longer stored") from error
    try:
        manifest = manifest_from(body, place.tenant, place.surface, generation)
        require_stored(place.blobs, files_of(manifest))
    except (InvalidDocument, BlobForeign, BlobMissing, BlobCorrupt) as error:
        raise BrokenRelease(f"{name} cannot be served again: {error}") from error
    if not supports(manifest.engine_api):
        raise BrokenRelease(f"{name} was written for servers {manifest.engine_api}, and these are {ENGINE_API}")
    return body
