"""The bodies that the server writes."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from serving.requests import RecommendRequest


class Explained(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an item stands where it does: what each source gave to its score, and these as shares of their sum."""

    signals: dict[str, float]
    contributions: dict[str, float] | None = None
    rules: tuple[str, ...] | None = None
    propensity: float | None = None


class Place(msgspec.Struct, frozen=True):
    """One item of the list; ``rank`` counts from 1. ``reasons`` are empty unless asked for."""

    item_id: str
    rank: int
    score: float
    source: str
    reasons: tuple[str, ...] = ()
    explain: Explained | UnsetType = UNSET
    item: dict[str, Any] | UnsetType = UNSET


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something the caller should know about an answer that is good nevertheless."""

    code: str
    detail: str
    pointer: str | None = None


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What the list stands on; with the same of these, the same request gives the same list."""

    tenant_id: str
    surface: str
    segment: str
    strategy: str
    algo_version: str
    manifest_generation: int
    generated_at: datetime
    config_version: str
    rules_version: str
    request_id: str
    fallback_level: int
    counts: dict[str, int]
    timings_ms: dict[str, float]
    seed: int


class SourceTrace(msgspec.Struct, frozen=True, kw_only=True):
    """How many candidates a source proposed."""

    name: str
    count: int


class StageTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage was given, what it left, and some of the items that it dropped."""

    name: str
    items_in: int = msgspec.field(name="in")
    items_out: int = msgspec.field(name="out")
    dropped_sample: tuple[str, ...] = ()


class Traced(msgspec.Struct, frozen=True, kw_only=True):
    """The way from candidates to list."""

    sources: tuple[SourceTrace, ...]
    stages: tuple[StageTrace, ...]
    rules: tuple[str, ...] = ()


class Recommendations(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ranked list."""

    items: list[Place]
    meta: Meta
    warnings: tuple[Notice, ...]
    trace: Traced | None = None


class Answered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Recommendations whose items are JSON already."""

    items: msgspec.Raw
    meta: Meta
    warnings: tuple[Notice, ...]
    trace: Traced | None = None

    def places(self) -> list[Place]:
        """The items, read again."""
        return msgspec.json.decode(self.items, type=list[Place])


class ValidatedMeta(msgspec.Struct, frozen=True, kw_only=True):
    """Which request was looked at."""

    request_id: str


class Validated(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the server understands it; nothing is loaded or ranked, so there are no versions."""

    normalized_request: RecommendRequest
    warnings: tuple[Notice, ...]
    meta: ValidatedMeta
