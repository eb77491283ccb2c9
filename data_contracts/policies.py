"""What a tenant wants done with its data: quality checks, clocks, privacy, catalog hygiene, features, attribution."""

from typing import Annotated, Any, Literal

import msgspec

from data_contracts.feature_tables import WINDOWS_DAYS
from data_contracts.records import Consent, Share
from data_contracts.source_specs import Count, NonNegative

Severity = Literal["block", "warn"]
PiiKind = Literal["email", "phone", "card", "ip", "name"]
PiiAction = Literal["redact", "reject", "hash", "keep"]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class TrainingPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much a run learns anew.

    ``incremental`` weighs only the days that are new or were made again, and starts factors from those of the newest
    earlier day; ``full`` learns everything from the events of the window, whatever was learned before.
    """

    mode: Literal["full", "incremental"] = "full"


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where announcements are posted, one request each; ``${NAME}`` stands for environment variables.

    With a ``secret`` each request is signed as Standard Webhooks asks (HMAC-SHA256, header ``webhook-signature``).
    """

    url: str
    secret: str = ""


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A Kafka topic that announcements are written to; ``settings`` are those of the client library."""

    brokers: str
    topic: str
    settings: dict[str, str] = {}


class Notify(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is told of training that began and ended and of generations that went live; each gets every announcement."""

    webhooks: tuple[Webhook, ...] = ()
    topics: tuple[Topic, ...] = ()


class Volume(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a day's number of events of one type, or its spread over the hours, is an anomaly against its history."""

    history_days: Count = 28  # compared with as many days before it
    minimum_days: Count = 7  # with fewer, nothing is said
    deviations: Positive = 5.0  # how many robust standard deviations (1.4826 x MAD) from the median are too many
    minimum_events: Count = 100  # types with a smaller median are left alone


class Checks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a batch stops the run. ``severity`` overrides single checks (`events.type.one_of`: warn)."""

    maximum_rejected_share: Share = 0.1  # of the rows of one file
    minimum_rows: Count = 1  # per file of items and events
    maximum_unknown_item_share: Share = 0.2
    maximum_unknown_user_share: Share = 1.0  # of events with a user, where the tenant has a users table
    maximum_duplicate_share: Share = 0.2
    maximum_clamped_share: Share = 0.05  # events whose clock ran ahead
    minimum_join_share: Share = 0.95  # outcomes with a request id that find their exposure
    maximum_top_position_share: Share = 0.95  # of exposed items that stand on one and the same rank
    reconciliation_tolerance: Share = 0.02  # purchases against orders, per day
    volume: Volume = Volume()
    sample_rows: Count = 200_000  # Great Expectations reads at most so many rows of a table
    severity: dict[str, Severity] = {}


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What becomes of events from the future: a little is ignored, a skewed clock is set right, the rest is rejected.

    An event that is ahead of its ``received_at`` (or else of the landing) by more than the tolerance, and at most by
    ``clamp_within_s``, gets that time, and the flag ``clock_clamped``.
    """

    tolerance_s: NonNegative = 300.0
    clamp_within_s: NonNegative = 86_400.0


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """After how many days each store forgets; counted from the day of the data."""

    events_days: Count = 400
    landing_days: Count = 30  # pulled files and the server's own logs
    exposures_days: Count = 90
    rejected_days: Count = 30
    reports_days: Count = 400
    access_log_days: Count = 90


class Privacy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is done where personal data is found, and what is kept of whom."""

    pii: dict[PiiKind, PiiAction] = {}  # in traits and meta; kinds not named are redacted
    pii_in_ids: PiiAction = "hash"  # an id that is an e-mail address, a phone or card number
    allowed_keys: tuple[str, ...] = ()  # keys of traits and meta that are not searched
    default_consent: Consent = "full"  # of events that say nothing
    retention: Retention = Retention()


class CatalogPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How catalog rows are cleaned."""

    base_url: str | None = None  # relative urls start here
    fallback_image: str | None = None  # for items without a usable picture
    https_only: bool = False  # http:// becomes https://
    tag_facets: dict[str, str] = {}  # other spellings of a facet: {"colour": "color"}
    archived_after_days: Count | None = None  # items that no source has named for so long


LEARNED_TRAIT = "preferred_categories"  # the one that is learned from events, and so also from those of a test


class UserPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a user is known by."""

    trait_defaults: dict[str, str | float | bool] = {}  # for users whose source says nothing
    allowed_traits: tuple[str, ...] = ()  # empty: all that are no personal data
    segment_by: str | None = None  # the trait that is the segment of users without one; not a learned one
    preferred_categories: Annotated[int, msgspec.Meta(ge=0)] = 3  # learned from events; 0: none


class FeatureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the feature tables hold."""

    windows_days: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] = WINDOWS_DAYS
    affinities: Count = 5  # categories per user


class EmbeddingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How item texts become vectors, and when the index is ill."""

    encoder: str = "svd"
    settings: dict[str, Any] = {}
    maximum_missing_share: Share = 0.0
    maximum_zero_share: Share = 0.01
    maximum_duplicate_share: Share = 0.05
    rebuild_share: Share = 0.2  # with more changed items a fitted encoder is fitted again
    blocked_pairs: tuple[tuple[str, str], ...] = ()  # items that never count as neighbours of each other


class Attribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which outcomes a recommendation is credited with."""

    window_hours: Positive = 168.0
    touches: tuple[Literal["click", "view", "add"], ...] = ("click", "view")


class Returns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a source says that a purchase came back: by an event of type ``custom`` whose ``meta`` has ``field`` with one
    of these ``values``. Such events are no interest in the item: nothing is learned from them."""

    field: Annotated[str, msgspec.Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$")] = "kind"
    values: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("return", "refund", "cancellation")
