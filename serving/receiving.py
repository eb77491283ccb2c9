"""From what was sent to what is stored: an event is checked, put into one form, and cut to what its person allows."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import structs

from data_contracts.pseudonym import Pseudonyms
from data_contracts.records import EventMeta
from data_contracts.tables import EVENT_TYPES
from serving.cleaning import CLOCK_YEARS
from serving.errors import Fault
from serving.faults import fault
from serving.sent import MAX_META_BYTES, Line, SentEvent

DEEPEST = 16  # of meta
AHEAD_S = 300  # a sender's clock may be ahead by so much before anything is said of it
IDS = ("event_id", "user_id", "anonymous_id", "session_id", "item_id", "order_id")
_CONTROL = re.compile(rb"(?<!\\)(?:\\\\)*\\(?:u00[01]|[bf])")  # as JSON writes them
_encode = msgspec.json.Encoder().encode


class NoEvent(Exception):
    """It is no event; ``fault`` says where in it, and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def checked(fields: Any) -> SentEvent:
    """The event in its one form: ids trimmed, its type by name, its time in UTC. Raises ``NoEvent``."""
    try:
        event = msgspec.convert(fields, SentEvent)
        _check_meta(event.meta)
    except msgspec.ValidationError as error:
        raise NoEvent(fault(error)) from error
    ids = {name: value.strip() for name in IDS if (value := getattr(event, name)) is not None}
    for name, value in ids.items():
        if not value:
            raise NoEvent(Fault(pointer=f"/{name}", code="format", detail=f"`{name}` is empty"))
    if not ids.keys() & {"user_id", "anonymous_id", "session_id"}:
        detail = "an event says to whom it happened: user_id, anonymous_id or session_id"
        raise NoEvent(Fault(pointer="/user_id", code="missing", detail=detail))
    if event.ts.year not in CLOCK_YEARS:
        raise NoEvent(Fault(pointer="/ts", code="range", detail=f"{event.ts.isoformat()} is no time of an event"))
    name = event.type if isinstance(event.type, str) else EVENT_TYPES[event.type]
    return structs.replace(event, ts=event.ts.astimezone(UTC), type=name, **ids)


def ahead(event: SentEvent, received_at: datetime) -> bool:
    """Whether the sender's clock is ahead of ours by more than is overlooked."""
    return event.ts - received_at > timedelta(seconds=AHEAD_S)


def line(event: SentEvent, received_at: datetime, pseudonyms: Pseudonyms) -> Line:
    """What is stored, which is what the consent that the event names allows, and no more.

    The pipeline narrows what it reads by the same rules again, for events that name none.
    """
    kept: Mapping[str, Any] = {name: getattr(event, name) for name in event.__struct_fields__}
    if event.consent == "limited":
        has_person = event.user_id is not None or event.anonymous_id is not None
        kept = {**kept, "meta": _unlinked(event.meta), "session_id": None if has_person else event.session_id}
    elif event.consent == "none":
        id = pseudonyms.of(f"event:{event.event_id}")
        nobody = dict.fromkeys(("user_id", "session_id", "order_id"))
        kept = {**kept, **nobody, "event_id": id, "anonymous_id": f"unlinked-{id}", "meta": _unlinked(event.meta)}
    return Line(received_at=received_at, **kept)


def _check_meta(meta: dict[str, Any]) -> None:
    """Raises ``NoEvent`` and, for what the records know otherwise, ``msgspec.ValidationError``."""
    if not meta:
        return
    if _is_deeper(meta, DEEPEST):
        raise NoEvent(Fault(pointer="/meta", code="range", detail=f"it is more than {DEEPEST} objects or lists deep"))
    try:
        msgspec.convert(meta, EventMeta)
    except msgspec.ValidationError as error:
        found = fault(error)
        raise NoEvent(Fault(pointer=f"/meta{found.pointer}", code=found.code, detail=found.detail)) from error
    text = _encode(meta)
    if len(text) > MAX_META_BYTES:
        detail = f"it has {len(text)} bytes; at most {MAX_META_BYTES} are kept"
        raise NoEvent(Fault(pointer="/meta", code="range", detail=detail))
    if _CONTROL.search(text):  # not every reader of JSON lines writes them again as it read them
        raise NoEvent(Fault(pointer="/meta", code="format", detail="it has control characters other than line breaks"))


def _is_deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)


def _unlinked(meta: dict[str, Any]) -> dict[str, Any]:
    """Only where it happened: of the rest nobody can say that it leads to nobody."""
    return {"surface": meta["surface"]} if meta.get("surface") is not None else {}
