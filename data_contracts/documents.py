"""The tenant document: all that differs between tenants, in one strict, versioned JSON file.

It says where the tenant's files are and how their columns become ours (``sources``), what an event is worth
(``interactions``), which algorithms are fitted with which settings (``algorithms``), how each surface ranks
(``ranking`` and ``surfaces``), and when a release may go out (``evaluation``, ``gate``, ``checks``). Unknown keys are
errors. A surface overrides only the ranking fields that it names.
"""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from data_contracts.errors import InvalidDocument
from data_contracts.layout import segment
from data_contracts.records import EventName, Share

DOCUMENT_SCHEMA = "recsys.tenant/1"

Positive = Annotated[float, msgspec.Meta(gt=0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
TimeUnit = Literal["iso", "s", "ms", "us"]
Severity = Literal["block", "warn"]


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one of our columns is made from a row of the source. Exactly one of the first seven says from what."""

    column: str | None = None  # copied
    columns: tuple[str, ...] = ()  # joined with `join`
    constant: str | int | float | bool | None = None  # the same in every row
    digest: tuple[str, ...] = ()  # SHA-256 over these columns: an id for rows that have none
    ratio: tuple[str, str] | None = None  # first / second, as a number (watched seconds / duration)
    flags: dict[str, str] = {}  # source column that is 1/true -> the tag or value it stands for
    row_number: bool = False  # the row's number in its file, from 1

    join: str = "-"
    values: dict[str, str] = {}  # source value -> our value; values not named are kept
    default: str | int | float | bool | None = None  # where the source has nothing
    time: TimeUnit | str | None = None  # unit of an epoch, "iso", or a strptime format
    timezone: str = "UTC"  # of times that carry no offset
    scale: float = 1.0  # numbers are multiplied by it (100: a decimal price becomes minor units, rounded half to even)
    split: str | None = None  # a text of several values becomes a list
    prefix: str = ""  # put before each value, such as `genre:`


class SourceSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Files and how to read them. ``path`` is a file, a folder or a glob, relative to the document's folder.

    ``${NAME}`` in it is taken from the environment. ``fields`` maps our columns; a column that is not named is taken
    from the source column of the same name if there is one. ``where`` keeps only rows whose column has that value.
    """

    path: str
    format: Literal["auto", "csv", "jsonl", "parquet"] = "auto"
    delimiter: str = ","
    header: bool = True
    column_names: tuple[str, ...] = ()  # for files without a header
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    required_columns: tuple[str, ...] = ()  # missing ones are schema drift; default: every column that `fields` names
    fields: dict[str, str | Field] = {}
    where: dict[str, str] = {}


class Sources(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a tenant's data is. Several sources of one table are read in order; of one item the last row counts."""

    items: tuple[SourceSpec, ...]
    events: tuple[SourceSpec, ...]
    users: tuple[SourceSpec, ...] = ()


class EventWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one event of each type adds to an interaction; the defaults are those of RS-054."""

    view: NonNegative = 0.05
    click: NonNegative = 0.2
    add: NonNegative = 0.7
    purchase: NonNegative = 1.0
    custom: NonNegative = 0.1


class Interactions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an event is worth, for how long."""

    weights: EventWeights = EventWeights()
    scaled_by_value: tuple[EventName, ...] = ()  # the weight of these is multiplied by the event's value
    minimum_value: dict[EventName, float] = {}  # below it an event of that type does not count
    half_life_days: Positive | None = 30.0  # None: no decay
    half_life_by_category: dict[str, Positive] = {}  # other half-lives for items of these categories
    window_days: Count = 90
    positive_types: tuple[EventName, ...] = (
        "click",
        "add",
        "purchase",
        "custom",
        "view",
    )  # count as truth in evaluation


class Diversity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Maximal marginal relevance; 1 is relevance only."""

    mmr_lambda: Share = 1.0


class ExcludeSeen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Items that the user had within ``days`` by an event of these types are not shown again."""

    types: tuple[EventName, ...] = ("purchase",)
    days: NonNegative = 30.0


class Ranking(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a surface ranks. ``weights`` are per artifact name; a source without a weight is not asked."""

    weights: dict[str, NonNegative] = {}
    similar_weights: dict[str, NonNegative] = {}  # for POST /v1/similar; empty: the artifacts of shape item_neighbors
    k: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20
    exclude_seen: ExcludeSeen | None = ExcludeSeen()
    available_only: bool = True
    dedupe_parent: bool = True
    max_per_brand: Count | None = None
    max_per_category: Count | None = None
    max_per_tag: dict[str, Count] = {}
    diversity: Diversity = Diversity()
    editorial: tuple[str, ...] = ()  # the last resort, in this order
    blocked_items: tuple[str, ...] = ()
    history_items: Annotated[int, msgspec.Meta(ge=0, le=200)] = 20  # how much of the user's past anchors neighbours


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The offline split: the last ``test_days`` of the window are held out."""

    test_days: Count = 7
    k: tuple[Count, ...] = (10,)
    max_users: Count = 5_000  # more are sampled, by hash of the user id


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a candidate may replace the incumbent. Shares are relative to the incumbent's mean."""

    metric: str = "ndcg@10"
    tolerance: Share = 0.02  # rejected when the whole interval of the difference lies below -tolerance
    suspicious_gain: Positive = 0.5  # suspicious when the whole interval lies above it
    minimum_users: Count = 50
    resamples: Count = 2_000
    confidence: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95
    maximum_coverage_drop: Share = 0.5  # guardrail on catalog coverage
    ungated_may_publish: bool = True  # the first generation has no incumbent to beat


class Checks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a batch stops the run. ``severity`` overrides single rules (`events.type.one_of`: warn)."""

    maximum_rejected_share: Share = 0.1  # of the rows of one file
    minimum_rows: Count = 1  # per file of items and events
    maximum_unknown_item_share: Share = 0.2
    severity: dict[str, Severity] = {}


class TenantDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything about one tenant."""

    schema: Literal["recsys.tenant/1"]
    tenant: str
    sources: Sources
    algorithms: dict[str, dict[str, Any]]  # artifact name -> settings; "algorithm" names it if the artifact does not
    ranking: Ranking
    surfaces: dict[str, dict[str, Any]]  # the ranking fields that differ there
    description: str = ""
    default_surface: str = "home"
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")] = "EUR"
    interactions: Interactions = Interactions()
    evaluation: Evaluation = Evaluation()
    gate: Gate = Gate()
    checks: Checks = Checks()
    keep_generations: Count = 10
    schedule: str = "0 2 * * *"  # cron, UTC
    first_day: date = date(2025, 1, 1)  # the first partition that the orchestrator offers

    def on(self, surface: str) -> Ranking:
        """The ranking of one surface: the tenant's, with what the surface overrides."""
        return _merged(self.ranking, self.surfaces[surface], f"surfaces.{surface}")


def parse(body: bytes, origin: str) -> TenantDocument:
    """A checked tenant document. Raises ``InvalidDocument`` that names ``origin`` and the offending place."""
    try:
        document = msgspec.json.decode(body, type=TenantDocument)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidDocument(f"{origin} is not a valid tenant document: {error}") from error
    _check(document, origin)
    return document


def _check(document: TenantDocument, origin: str) -> None:
    segment(document.tenant, "tenant")
    if document.default_surface not in document.surfaces:
        raise InvalidDocument(f"{origin}: default_surface {document.default_surface!r} is not among the surfaces")
    for surface in document.surfaces:
        segment(surface, "surface")
        ranking = document.on(surface)
        for name in (*ranking.weights, *ranking.similar_weights):
            if name not in document.algorithms:
                known = ", ".join(sorted(document.algorithms))
                raise InvalidDocument(f"{origin}: surface {surface!r} weighs {name!r}; the algorithms are {known}")


def _merged(ranking: Ranking, overrides: dict[str, Any], place: str) -> Ranking:
    try:
        return msgspec.convert(msgspec.to_builtins(ranking) | overrides, Ranking)
    except msgspec.ValidationError as error:
        raise InvalidDocument(f"{place}: {error}") from error
