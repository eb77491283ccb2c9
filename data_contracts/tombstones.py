"""Tombstones: who of a tenant is forgotten, so that the server knows them no more and ingest does not bring them back.

One small record per tenant in the store, replaced by compare-and-swap. It holds pseudonyms only: without the
installation's secret nobody can tell from it who was forgotten, or whether somebody was.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobChanged, BlobMissing
from data_contracts.layout import segment
from data_contracts.manifest import canonical, decode
from data_contracts.pseudonym import Pseudonyms
from data_contracts.records import Timestamp


class Tombstone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One person. ``marks`` are the pseudonyms of all ids that were theirs, sorted."""

    at: Timestamp
    marks: tuple[str, ...]


class Tombstones(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everybody who was forgotten, by the pseudonym of the id they were forgotten by."""

    schema: Literal["recsys.tombstones/1"] = "recsys.tombstones/1"
    tenant: str
    key_id: str = ""  # of the key that the pseudonyms are made with
    people: dict[str, Tombstone] = {}

    @property
    def marks(self) -> frozenset[str]:
        """The pseudonyms of all ids of everybody."""
        return frozenset(mark for person in self.people.values() for mark in person.marks)


class Engraved(NamedTuple):
    """The record and the tag that tells whether it is still the newest."""

    tombstones: Tombstones
    tag: str | None


def tombstones_key(tenant: str) -> str:
    """Where a tenant's tombstones are."""
    return f"tombstones/{segment(tenant, 'tenant')}.json"


def read_tombstones(blobs: Blobs, tenant: str, known_tag: str | None = None) -> Engraved | None:
    """The tenant's tombstones, none if nobody was forgotten; None if the tag still is ``known_tag``.

    Raises ``InvalidDocument``, and ``StoreUnavailable`` rather than to take everybody for alive.
    """
    key = tombstones_key(tenant)
    try:
        found = blobs.read_tagged(key, known_tag)
    except BlobMissing:
        return Engraved(Tombstones(tenant=tenant), None)
    return None if found is None else Engraved(decode(found.body, Tombstones, key), found.tag)


def engrave(blobs: Blobs, tenant: str, person: str, marks: Collection[str], *, now: datetime, key_id: str) -> bool:
    """Add the marks of one person; False if all of them were there already. Marks are never taken away."""
    while True:
        found = read_tombstones(blobs, tenant)
        assert found is not None  # no tag was given that it could still have
        known, tag = found
        before = known.people.get(person, Tombstone(at=now, marks=()))
        after = Tombstone(at=before.at, marks=tuple(sorted({*before.marks, *marks})))
        if known.people.get(person) == after:
            return False
        people = dict(sorted({**known.people, person: after}.items()))
        record = msgspec.structs.replace(known, people=people, key_id=key_id)
        with suppress(BlobChanged):  # somebody else was forgotten at the same time; look again
            blobs.replace(tombstones_key(tenant), canonical(record), tag)
            return True


def is_among(id: str, marks: Collection[str], pseudonyms: Pseudonyms) -> bool:
    """Whether an id is that of a forgotten person, as a source has it or as the lake does (`privacy.pii_in_ids`)."""
    own = pseudonyms.of(id)
    return own in marks or pseudonyms.of(own) in marks
