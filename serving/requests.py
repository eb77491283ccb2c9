"""The bodies that the server reads: strict records, with the limits that are really enforced.

Unknown fields are errors. Ids may be at most 256 characters without control characters; that, and what a schema cannot
say, is checked in ``clean``. Money is in minor units (cents), like ``price_minor`` of the catalog.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from data_contracts.records import Consent, EventName, Share, Timestamp
from data_contracts.tables import CURRENCY_PATTERN, ID_PATTERN, MAX_ID_LENGTH

MAX_BODY_BYTES = 256 * 1024
MAX_K, MAX_ANCHORS, MAX_IDS, MAX_TAGS, MAX_WEIGHTS = 200, 50, 5_000, 200, 50

# The pattern is documented here and enforced in `clean`: one search for all ids is far cheaper than one for each.
Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH, extra_json_schema={"pattern": ID_PATTERN})]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=256)]
Tag = Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)]
Tags = Annotated[tuple[Tag, ...], Meta(max_length=MAX_TAGS)]
Ids = Annotated[tuple[Id, ...], Meta(max_length=MAX_IDS)]
K = Annotated[int, Meta(ge=1, le=MAX_K, description="How many items; the surface's own default if it is not given.")]
Weight = Annotated[float, Meta(ge=0, le=1_000_000)]
Cap = Annotated[int, Meta(ge=1, le=MAX_K)]
Price = Annotated[int, Meta(ge=0, le=2**53)]
KINDS = ("auto", "cooc", "content", "als")
Column = Literal[
    "title", "description", "brand", "category", "price", "price_minor", "currency", "available", "parent_id",
    "created_at", "tags", "url", "image_url",
]  # fmt: skip


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Who asks; ids are pseudonyms, never a name or an address."""

    user_id: Id | None = None
    anonymous_id: Id | None = None
    session_id: Id | None = None


class Context(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Where and when. ``page_item_id`` is an anchor; ``now`` replaces the server's clock. The rest is logged; and where
    a list by trait was learned, a user without a segment gets that of what ``attributes`` or the other fields say."""

    locale: Name | None = None
    device: Name | None = None
    country: Name | None = None
    daypart: Name | None = None
    now: Timestamp | None = None
    page_item_id: Id | None = None
    attributes: Annotated[dict[Name, Text], Meta(max_length=20)] = {}


class Anchors(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Items to start from; the first ``max_anchors`` count. ``weights`` are for some or all of them, others weigh 1."""

    item_ids: Annotated[tuple[Id, ...], Meta(max_length=MAX_ANCHORS)] = ()
    max_anchors: Annotated[int, Meta(ge=1, le=MAX_ANCHORS)] = MAX_ANCHORS
    weights: Annotated[dict[Id, Weight], Meta(max_length=MAX_ANCHORS)] = {}


class Candidates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """``restrict`` ranks only the included items; ``inject`` adds them to the candidates."""

    include_ids: Ids = ()
    exclude_ids: Ids = ()
    mode: Literal["restrict", "inject"] = "restrict"


class ExcludeSeen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Leave out what the user had within ``days`` by an event of these types."""

    types: tuple[EventName, ...] = ("purchase",)
    days: Annotated[float, Meta(ge=0, le=36_500)] = 30.0


class Constraints(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What every returned item fulfils. What is not named is as the surface has it.

    ``required_tags`` is a synonym of ``include_tags_any`` (any of them, in spite of its name), and ``forbidden_tags``
    of ``exclude_tags_any``.
    """

    include_tags_any: Tags = ()
    include_tags_all: Tags = ()
    exclude_tags_any: Tags = ()
    required_tags: Tags = ()
    forbidden_tags: Tags = ()
    price_between: tuple[Price | None, Price | None] | None = None
    currency: Annotated[str, Meta(pattern=CURRENCY_PATTERN)] | None = None
    available_only: bool | None = None
    created_after: Timestamp | None = None
    max_per_tag: Annotated[dict[Tag, Cap], Meta(max_length=MAX_TAGS)] = {}
    max_per_brand: Cap | None = None
    max_per_category: Cap | None = None
    exclude_seen: ExcludeSeen | UnsetType | None = UNSET
    dedupe_parent: bool | None = None


class Diversity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """``mmr_lambda`` 1 is relevance only; ``min_brands`` is how many brands the list has at least, if it can."""

    mmr_lambda: Share | None = None
    min_brands: Cap | None = None


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What the answer carries besides the items."""

    include_reasons: bool = False
    explain: Literal["none", "summary", "full"] = "none"
    include_trace: bool = False
    seed: Annotated[int, Meta(ge=0, lt=2**53)] = 0  # exact in every JSON reader
    include_item: Annotated[tuple[Column, ...], Meta(max_length=10)] = ()
    timings: bool = False


NOBODY, NOWHERE, NO_ANCHORS, NO_CANDIDATES, NO_CONSTRAINTS = User(), Context(), Anchors(), Candidates(), Constraints()
PLAIN = Options()


class RecommendRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Rank items for somebody on a surface."""

    surface: Name
    segment: Name = "default"
    k: K | UnsetType = UNSET
    strategy: Name | None = None
    user: User = NOBODY
    context: Context = NOWHERE
    anchors: Anchors = NO_ANCHORS
    candidates: Candidates = NO_CANDIDATES
    constraints: Constraints = NO_CONSTRAINTS
    weights: Annotated[dict[Name, Weight], Meta(max_length=MAX_WEIGHTS)] | None = None
    diversity: Diversity = Diversity()
    options: Options = PLAIN
    consent: Consent = "full"


class SimilarRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Items that go with one item (``item_id``) or several (``item_ids``); exactly one of the two is given.

    ``kind`` is auto, cooc, content, als, or the name of a published artifact.
    """

    surface: Name
    item_id: Id | None = None
    item_ids: Annotated[tuple[Id, ...], Meta(max_length=MAX_ANCHORS)] = ()
    segment: Name = "default"
    k: K | UnsetType = UNSET
    kind: Name = "auto"
    user: User = NOBODY
    context: Context = NOWHERE
    constraints: Constraints = NO_CONSTRAINTS
    options: Options = PLAIN
    consent: Consent = "full"
