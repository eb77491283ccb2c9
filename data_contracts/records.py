"""The records that cross a process boundary one at a time: item, user, event, exposure, outcome, assignment.

All are strict: an unknown field is an error, times are aware and in UTC. ``Event`` accepts a type by name or by
number. The JSON Schemas in ``schemas/`` are generated from these classes.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from data_contracts.tables import CURRENCY_PATTERN, EVENT_TYPES, ID_PATTERN, MAX_ID_LENGTH

NOT_BEFORE_A_LINE_BREAK = r"(?!\n)"  # Python's $ also matches before a trailing line break
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH, pattern=ID_PATTERN + NOT_BEFORE_A_LINE_BREAK)]
Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]
EventName = Literal["view", "click", "add", "purchase", "custom"]
EventNumber = Annotated[int, msgspec.Meta(ge=0, le=4)]
Consent = Literal["full", "limited", "none"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One catalog entry."""

    item_id: Id
    title: str | None = None
    description: str | None = None
    brand: str | None = None
    category: str | None = None
    price_minor: Annotated[int, msgspec.Meta(ge=0)] | None = None
    currency: Annotated[str, msgspec.Meta(pattern=CURRENCY_PATTERN)] | None = None
    available: bool = True
    archived: bool = False
    updated_at: Timestamp | None = None
    parent_id: Id | None = None
    created_at: Timestamp | None = None
    tags: tuple[str, ...] = ()
    url: str | None = None
    image_url: str | None = None
    props: dict[str, Any] = {}


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One known user. ``traits`` hold nothing that identifies a person."""

    user_id: Id
    segment: str | None = None
    traits: dict[str, str | float | bool | None] = {}
    created_at: Timestamp | None = None


class EventMeta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a recommendation came into it, and what else the source says; further keys are kept."""

    surface: str | None = None
    widget: str | None = None
    recommended: bool | None = None
    request_id: Id | None = None
    rank: Annotated[int, msgspec.Meta(ge=1)] | None = None
    session_id: Id | None = None
    referrer: str | None = None


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that happened. At least one of ``user_id``, ``anonymous_id`` and ``session_id`` says to whom."""

    event_id: Id
    ts: Timestamp
    type: EventName | EventNumber
    user_id: Id | None = None
    anonymous_id: Id | None = None
    session_id: Id | None = None
    item_id: Id | None = None
    value: Annotated[float, msgspec.Meta(ge=0)] | None = None
    amount_minor: Annotated[int, msgspec.Meta(ge=0)] | None = None
    order_id: Id | None = None
    received_at: Timestamp | None = None
    meta: EventMeta = EventMeta()
    consent: Consent = "full"

    @property
    def name(self) -> str:
        """The type by name, also when it was given by number."""
        return self.type if isinstance(self.type, str) else EVENT_TYPES[self.type]


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Who saw it, as pseudonyms made with the key named by ``key_id``."""

    user: str | None = None
    anonymous: str | None = None
    session: str | None = None
    key_id: str = ""


class ExposedItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One place of a response. ``propensity`` is the probability with which the policy put the item there."""

    item_id: Id
    rank: Annotated[int, msgspec.Meta(ge=1)]
    score: float
    source: str
    propensity: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    team: str | None = None
    rule_ids: tuple[str, ...] = ()


class ExposedExperiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The experiment arm that the response belongs to."""

    id: Id
    variant: str
    bucket: int | None = None
    forced: bool = False


class Exposure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One response of the server: what was returned to whom, by which versions. ``schema`` is always written."""

    schema: str
    ts: Timestamp
    request_id: Id
    tenant: str
    surface: str
    endpoint: str
    segment: str = "default"
    subject: Subject = Subject()
    consent: Consent = "full"
    manifest_generation: int
    algo_version: str
    config_version: str = ""
    rules_version: str = ""
    experiment: ExposedExperiment | None = None
    exploration: str = "none"
    seed: int = 0
    fallback_level: int = 0
    items: tuple[ExposedItem, ...] = ()
    counts: dict[str, int] = {}
    latency_ms: float = 0.0
    context: dict[str, str] = {}
    warnings: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What came of an exposure, joined by ``request_id`` and ``item_id``."""

    request_id: Id
    item_id: Id
    type: Literal["click", "add", "purchase"]
    ts: Timestamp
    user_id: Id | None = None
    value: float = 1.0


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which arm of an experiment a subject was given, and when."""

    experiment_id: Id
    variant: str
    subject_id: Id
    ts: Timestamp
    bucket: int | None = None
    forced: bool = False


EXPOSURE_SCHEMA = "recsys.exposure/2"
