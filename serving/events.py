"""The events that clients send: checked, made one, and handed to the kernel before anybody is told that they are kept.

Nothing is learned from them here. They lie in the landing area until the pipeline reads them, which also counts an
event once that two workers were sent, or that was sent again on another day; a worker only knows what it saw lately.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from data_contracts.pseudonym import Pseudonyms
from serving.call import Call
from serving.errors import Fault, InvalidRequest, NotStored
from serving.identity import uuid7
from serving.landing import Landing
from serving.metrics import Metrics
from serving.receiving import NoEvent, ahead, checked, line
from serving.recommender import named_tenant
from serving.reload import Reloader
from serving.responses import Notice
from serving.segments import SegmentLost
from serving.sent import Received, Rejected, SentEvent
from serving.tombstones import Forgotten
from serving.translated import Translated

REMEMBERED = 100_000  # ids per worker, of all tenants; about 20 MB
UNTYPED = "unknown"  # in metrics: of what is no event
FORGOTTEN = Fault(pointer="", code="forgotten", detail="it names a person who asked to be forgotten")


class Batch(NamedTuple):
    """Events in our words; ``places`` are the pointers to them in what was sent."""

    events: Sequence[Translated]
    places: Sequence[str]


class Recent:
    """The last ids that were stored, at least ``least`` of them and at most twice as many."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._new: set[tuple[str, str]] = set()
        self._old: set[tuple[str, str]] = set()

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self._new or key in self._old

    def add(self, keys: Iterable[tuple[str, str]]) -> None:
        """Remember these, and perhaps forget the oldest."""
        self._new.update(keys)
        if len(self._new) >= self._least:
            self._new, self._old = set(), self._new


@dataclass(frozen=True, eq=False, kw_only=True)
class EventLog:
    """What one worker is sent. ``own_tenants`` are those that the deployment names: they may send before they serve."""

    reloader: Reloader
    forgotten: Forgotten
    landing: Landing
    pseudonyms_of: Callable[[str], Pseudonyms]
    metrics: Metrics
    clock: Callable[[], datetime]
    tenant_header: bytes
    default_tenant: str | None
    own_tenants: frozenset[str]
    _recent: Recent = field(default_factory=lambda: Recent(REMEMBERED // 2))

    def receive(self, call: Call, batch: Batch) -> Received:
        """Store what is an event, and is not stored yet. Raises ``ServingError``: then nothing is stored."""
        tenant = call.tenant = self._tenant(call)
        events, rejected = self._sorted(tenant, batch)
        if not events:
            self.metrics.events.labels(tenant, UNTYPED, "rejected").inc(len(rejected))
            raise _none_valid(rejected)
        received_at = self.clock()
        fresh: dict[str, SentEvent] = {}
        for event in events.values():
            if (tenant, event.event_id) not in self._recent:
                fresh.setdefault(event.event_id, event)
        self._store(tenant, received_at, fresh)
        call.accepted = len(fresh)
        self._count(tenant, events, fresh, rejected)
        return Received(
            accepted=len(fresh),
            duplicates=len(events) - len(fresh),
            rejected=tuple(rejected),
            batch_id=uuid7(int(received_at.timestamp() * 1e9)),
            warnings=tuple(
                _early(index, batch, event, received_at) for index, event in events.items() if ahead(event, received_at)
            ),
        )

    def _tenant(self, call: Call) -> str:
        named = named_tenant(call.headers, self.tenant_header) or self.default_tenant
        if named is not None and named in self.own_tenants:
            return named
        shelf = self.reloader.shelf
        tenant = shelf.tenant(named, None)
        shelf.require(tenant)
        return tenant

    def _sorted(self, tenant: str, batch: Batch) -> tuple[dict[int, SentEvent], list[Rejected]]:
        """The events by their index, and what is none."""
        events: dict[int, SentEvent] = {}
        rejected = []
        for index, (sent, place) in enumerate(zip(batch.events, batch.places, strict=True)):
            try:
                event = checked(sent.fields)
                if self.forgotten.is_any(tenant, event.user_id, event.anonymous_id, event.session_id):
                    raise NoEvent(FORGOTTEN)
                events[index] = event
            except NoEvent as error:
                rejected.append(_rejected(index, place, sent, error.fault))
        return events, rejected

    def _store(self, tenant: str, received_at: datetime, fresh: dict[str, SentEvent]) -> None:
        """All of them with one write, or none. Raises ``NotStored``."""
        if not fresh:
            return
        pseudonyms = self.pseudonyms_of(tenant)
        lines = _ENCODER.encode_lines([line(event, received_at, pseudonyms) for event in fresh.values()])
        try:
            self.landing.segments.append(tenant, received_at.date(), lines)
        except SegmentLost as lost:
            for event in fresh.values():
                self.metrics.events.labels(tenant, event.type, "lost").inc()
            self.landing.log.error("events_not_stored", reason=lost.reason, detail=str(lost), events=len(fresh))
            raise NotStored("nothing of it is kept; send it again later") from lost
        self._recent.add((tenant, id) for id in fresh)

    def _count(
        self, tenant: str, events: dict[int, SentEvent], fresh: dict[str, SentEvent], rejected: list[Rejected]
    ) -> None:
        told = Counter(
            (event.type, "accepted" if fresh.get(event.event_id) is event else "duplicate") for event in events.values()
        )
        for (name, outcome), count in told.items():
            self.metrics.events.labels(tenant, name, outcome).inc(count)
        if rejected:
            self.metrics.events.labels(tenant, UNTYPED, "rejected").inc(len(rejected))


def _rejected(index: int, place: str, sent: Translated, fault: Fault) -> Rejected:
    """The fault, with the pointer into what was really sent."""
    first, slash, rest = fault.pointer.removeprefix("/").partition("/")
    inside = f"/{sent.spelled.get(first, first)}{slash}{rest}" if fault.pointer else ""
    return Rejected(index=index, code=fault.code, pointer=f"{place}{inside}", detail=fault.detail)


def _none_valid(rejected: Sequence[Rejected]) -> InvalidRequest:
    faults = [Fault(pointer=each.pointer, code=each.code, detail=each.detail) for each in rejected]
    one = len(faults) == 1
    return InvalidRequest(
        f"{faults[0].pointer or 'the body'}: {faults[0].detail}" if one else f"none of the {len(faults)} is an event",
        faults,
    )


def _early(index: int, batch: Batch, event: SentEvent, received_at: datetime) -> Notice:
    seconds = (event.ts - received_at).total_seconds()
    spelled = batch.events[index].spelled.get("ts", "ts")
    detail = f"it is {seconds:.0f} s ahead of this server; the tenant's clock policy says what becomes of it"
    return Notice(code="CLOCK_AHEAD", pointer=f"{batch.places[index]}/{spelled}", detail=detail)


_ENCODER = msgspec.json.Encoder()
