"""Moving a surface's pointer, and keeping the record of it: who, when, why, from where to where.

The pointer moves first; the announcement and the line in the history follow, the line last. So a process that dies in
between leaves a move without a line; whoever moves the pointer next completes it first, from what the pointer says.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobChanged, BlobExists, BlobMissing, ContractError
from data_contracts.generations import Pointed, pointed
from data_contracts.layout import history_key, outbox_key, pointer_key
from data_contracts.manifest import Move, Pointer, Refreshed, canonical, decode

After = Callable[[str], None]


class Place(NamedTuple):
    """One surface of a tenant, in a store."""

    blobs: Blobs
    tenant: str
    surface: str

    def __str__(self) -> str:
        return f"{self.tenant}/{self.surface}"


class LostRace(ContractError):
    """Somebody else moved the pointer first; nothing that is served was changed."""


def ignore(_step: str) -> None:
    """What happens after a step by default: nothing. Tests stop a process there."""


def served(place: Place) -> Pointed | None:
    """Where the surface points; None if nothing was ever published on it."""
    try:
        return pointed(*place)
    except BlobMissing:
        return None


def move(place: Place, pointer: Pointer, seen: Pointed | None) -> None:
    """Compare and swap: point there, if the pointer still is the one that was seen. Raises ``LostRace``."""
    try:
        place.blobs.replace(pointer_key(place.tenant, place.surface), canonical(pointer), seen.tag if seen else None)
    except BlobChanged as error:
        winner = served(place)
        now = f"generation {winner.pointer.generation} by {winner.pointer.updated_by}" if winner else "nothing"
        raise LostRace(
            f"{place} was moved by somebody else meanwhile and now serves {now}; "
            f"generation {pointer.generation} was not put in its place, run again to decide on the new state"
        ) from error


def moves(place: Place) -> tuple[Move, ...]:
    """The surface's history, oldest first."""
    return _history(place).moves


def complete(place: Place, pointer: Pointer, after: After = ignore) -> Move:
    """The history's line for the move that led to this pointer; announced and appended if it is not there yet.

    A generation is published once; any later move to it is a rollback, and is not announced.
    """
    while True:
        past = _history(place)
        for known in past.moves:
            if (known.at, known.to_generation) == (pointer.updated_at, pointer.generation):
                return known
        line = _line(pointer, past.moves)
        if line.action == "publish":
            _announce(place, pointer)
            after("outbox")
        with suppress(BlobChanged):  # somebody else appended; look again
            place.blobs.replace(history_key(place.tenant, place.surface), past.body + canonical(line) + b"\n", past.tag)
            after("history")
            return line


class _History(NamedTuple):
    moves: tuple[Move, ...]
    body: bytes
    tag: str | None


def _history(place: Place) -> _History:
    key = history_key(place.tenant, place.surface)
    try:
        found = place.blobs.read_tagged(key)
    except BlobMissing:
        return _History((), b"", None)
    assert found is not None  # no tag was given that it could still have
    return _History(tuple(decode(line, Move, key) for line in found.body.splitlines()), found.body, found.tag)


def _line(pointer: Pointer, past: tuple[Move, ...]) -> Move:
    again = any(known.to_generation == pointer.generation for known in past)
    return Move(
        at=pointer.updated_at,
        by=pointer.updated_by,
        action="rollback" if again else "publish",
        from_generation=past[-1].to_generation if past else None,
        to_generation=pointer.generation,
        reason=pointer.reason,
    )


def _announce(place: Place, pointer: Pointer) -> None:
    event = Refreshed(
        tenant=place.tenant,
        surface=place.surface,
        generation=pointer.generation,
        sha256=pointer.sha256,
        at=pointer.updated_at,
        by=pointer.updated_by,
        reason=pointer.reason,
    )
    with suppress(BlobExists):
        place.blobs.create(outbox_key(place.tenant, place.surface, pointer.generation), canonical(event))
