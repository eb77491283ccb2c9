"""Delivery: every announcement to every receiver of its tenant, in order, by one deliverer at a time.

Beside each announcement stands a record of who has it. A deliverer claims the record by compare-and-swap before it
sends, so two deliverers never send the same one; it notes every receiver as soon as that one has taken it, and removes
the announcement when all have. A deliverer that is killed between sending and noting leaves a claim that runs out after
``CLAIM_S``; then that one receiver gets that one announcement again, with the same id and the same bytes. A receiver
that is down keeps what is for it in the outbox, and those after it wait, so that none overtakes another. Records, and
announcements that nobody is there to receive, are let go after ``KEPT``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobChanged, BlobMissing
from data_contracts.layout import delivery_key, outbox_prefix
from data_contracts.manifest import canonical, decode
from recsys_pipelines.outbox.announcements import Announcement, NotDelivered, announcements
from recsys_pipelines.outbox.sinks import Sink

CLAIM_S = 120.0
KEPT = timedelta(days=30)


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who has one announcement; ``claimed_until`` while somebody is sending it, ``done_at`` when all had it."""

    taken_by: tuple[str, ...] = ()
    claimed_until: datetime | None = None
    done_at: datetime | None = None

    def is_claimed(self, now: datetime) -> bool:
        """Whether somebody may be sending it."""
        return self.claimed_until is not None and self.claimed_until > now


class Delivered(NamedTuple):
    """What one delivery did: ids that went out, how many still wait, and why the first of them does."""

    sent: tuple[str, ...]
    waiting: int
    trouble: str = ""


class Waiting(NamedTuple):
    """An announcement in the outbox, and who has it already."""

    announcement: Announcement
    delivery: Delivery


def waiting(store: Blobs, tenant: str) -> list[Waiting]:
    """What is still to be delivered, in the order in which it will be."""
    found = [Waiting(each, _record(store, tenant, each)[0]) for each in announcements(store, tenant)]
    return [each for each in found if each.delivery.done_at is None]


def deliver(store: Blobs, tenant: str, receivers: Sequence[Sink], now: Callable[[], datetime]) -> Delivered:
    """Send what waits, oldest first, until all is sent or a receiver refuses; without receivers it keeps waiting."""
    _let_go(store, tenant, now() - KEPT)
    left = announcements(store, tenant)
    sent: list[str] = []
    while receivers and left:
        try:
            if not _deliver(Attempt(store, left[0], now), receivers):
                return Delivered(tuple(sent), len(left), "another process is delivering")
        except NotDelivered as error:
            return Delivered(tuple(sent), len(left), str(error))
        sent.append(left.pop(0).id)
    return Delivered(tuple(sent), len(left), "" if receivers else "nobody is to be told: notify is empty")


@dataclass(frozen=True)
class Attempt:
    """One announcement on its way."""

    store: Blobs
    announcement: Announcement
    now: Callable[[], datetime]

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.announcement.told.tenant

    def read(self) -> tuple[Delivery, str | None]:
        """Its record, and the tag to replace it by."""
        return _record(self.store, self.tenant, self.announcement)

    def write(self, delivery: Delivery, tag: str | None) -> str:
        """Replace its record. Raises ``BlobChanged``."""
        return self.store.replace(delivery_key(self.tenant, self.announcement.name), canonical(delivery), tag)

    def remove(self) -> None:
        """Take it out of the outbox."""
        self.store.delete(outbox_prefix(self.tenant) + self.announcement.name)


def _deliver(attempt: Attempt, receivers: Sequence[Sink]) -> bool:
    """Whether all receivers have it now; not if another process is at it."""
    delivery, tag = attempt.read()
    if delivery.done_at is None:
        if delivery.is_claimed(attempt.now()):
            return False
        try:
            _send(attempt, receivers, delivery, tag)
        except BlobChanged:  # another process claimed it, or ours ran out
            return False
    attempt.remove()
    return True


def _send(attempt: Attempt, receivers: Sequence[Sink], delivery: Delivery, tag: str | None) -> None:
    delivery = msgspec.structs.replace(delivery, claimed_until=attempt.now() + timedelta(seconds=CLAIM_S))
    tag = attempt.write(delivery, tag)
    try:
        for receiver in [each for each in receivers if each.name not in delivery.taken_by]:
            receiver.send(attempt.announcement)
            longer = attempt.now() + timedelta(seconds=CLAIM_S)
            taken_by = (*delivery.taken_by, receiver.name)
            delivery = msgspec.structs.replace(delivery, taken_by=taken_by, claimed_until=longer)
            tag = attempt.write(delivery, tag)
    except NotDelivered:
        attempt.write(msgspec.structs.replace(delivery, claimed_until=None), tag)
        raise
    attempt.write(msgspec.structs.replace(delivery, claimed_until=None, done_at=attempt.now()), tag)


def _let_go(store: Blobs, tenant: str, before: datetime) -> None:
    """Announcements first: without its record an announcement would go out again."""
    for prefix in (outbox_prefix(tenant), delivery_key(tenant, "")):
        for entry in list(store.entries(prefix)):
            if entry.modified < before:
                store.delete(entry.key)


def _record(store: Blobs, tenant: str, announcement: Announcement) -> tuple[Delivery, str | None]:
    key = delivery_key(tenant, announcement.name)
    try:
        found = store.read_tagged(key)
    except BlobMissing:
        return Delivery(), None
    assert found is not None  # no tag was given that it could still have
    return decode(found.body, Delivery, key), found.tag
