"""What clients send of what happened, and what they are answered.

An event is checked by itself, so that one bad one costs only itself: the schema of a batch lets anything pass for an
event, and what is no event is rejected by its index.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from data_contracts.records import Consent, EventName, EventNumber, Id, Timestamp
from serving.responses import Notice

MAX_EVENTS = 1_000
MAX_BATCH_BYTES = 5 * 1024 * 1024
MAX_META_BYTES = 8 * 1024
_EXACT = 2**53  # the largest whole number that is exact in every reader

Amount = Annotated[int, Meta(ge=0, le=_EXACT)]
Event = Annotated[Any, Meta(extra_json_schema={"anyOf": [{"$ref": "#/components/schemas/SentEvent"}, {}]})]


class SentEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that happened; at least one of ``user_id``, ``anonymous_id`` and ``session_id`` says to whom.

    ``event_id`` is the sender's own: what is sent again under the same id counts once. ``meta`` has what the records
    know (surface, widget, recommended, request_id, rank, session_id, referrer) and whatever else, 8 KiB in all.
    """

    event_id: Id
    ts: Timestamp
    type: EventName | EventNumber
    user_id: Id | None = None
    anonymous_id: Id | None = None
    session_id: Id | None = None
    item_id: Id | None = None
    value: Annotated[float, Meta(ge=0, le=1e15)] | None = None
    amount_minor: Amount | None = None
    order_id: Id | None = None
    meta: dict[str, Any] = {}
    consent: Consent | UnsetType = UNSET


class EventBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Events that happened, in any order."""

    events: Annotated[tuple[Event, ...], Meta(min_length=1, max_length=MAX_EVENTS)]


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is not stored: its place in the batch, and what is wrong with it, where."""

    index: int
    code: str
    pointer: str
    detail: str


class Received(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many events are stored, how many were there already, and which are refused."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejected, ...]
    batch_id: str
    warnings: tuple[Notice, ...] = ()


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event as it is stored: a ``records.Event``, with the server's own time, and without what nobody said."""

    event_id: str
    ts: Timestamp
    type: EventName
    received_at: Timestamp
    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    item_id: str | None = None
    value: float | None = None
    amount_minor: int | None = None
    order_id: str | None = None
    meta: dict[str, Any] = {}
    consent: Consent | UnsetType = UNSET
