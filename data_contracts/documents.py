"""The tenant document: all that differs between tenants, in one strict, versioned JSON file.

It says where the tenant's files are and how their columns become ours (``sources``), what an event is worth
(``interactions``), which algorithms are fitted with which settings (``algorithms``), how each surface ranks
(``ranking`` and ``surfaces``), when a release may go out (``evaluation``, ``gate``, ``checks``), and what is done with
the data on the way (``clock``, ``privacy``, ``catalog``, ``users``, ``features``, ...). Unknown keys are
errors. A surface overrides only the ranking fields that it names.
"""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from data_contracts.errors import InvalidDocument
from data_contracts.layout import segment
from data_contracts.policies import (
    LEARNED_TRAIT,
    Attribution,
    CatalogPolicy,
    Checks,
    Clock,
    EmbeddingSettings,
    FeatureSettings,
    Notify,
    Positive,
    Privacy,
    Returns,
    TrainingPolicy,
    UserPolicy,
)
from data_contracts.records import EventName, Share
from data_contracts.source_specs import ORIGINS, Count, NonNegative, Sources

DOCUMENT_SCHEMA = "recsys.tenant/1"


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


class SecondStage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model that orders the candidates anew; the gate decides between it and the plain weighted blend."""

    model: Literal["weights", "lambdamart"] = "weights"
    candidates: Annotated[int, msgspec.Meta(ge=10, le=1000)] = 200  # of the blend, how many are ordered anew
    settings: dict[str, Any] = {}  # of lambdamart, such as {"trees": 200}
    chosen: Literal["better", "not_worse"] = "better"  # better: the whole interval of the difference is above 0


class NewItems(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Places that are kept for items created in the last ``days``: of the first n of a list, the share of n, rounded
    down. Lists of the strategy `personalized` have them, as long as there are such items that rules and caps allow."""

    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1
    days: Positive = 14.0


class Penalties(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What items that turned out badly lose: scores are multiplied by ``1 - weight x rate`` for each of these weights,
    with a rate that is never above the item's own share and close to it only after many outcomes."""

    returns: Share = 0.0  # of purchases that came back or were cancelled
    unavailable_clicks: Share = 0.0  # of clicks on recommendations of the item while it could not be bought


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
    second_stage: SecondStage | None = None
    new_items: NewItems | None = None
    penalties: Penalties | None = None
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
    maximum_popularity_rise: NonNegative = 0.5  # guardrail on popularity bias
    maximum_empty_rise: Share = 0.02  # of the users; two in a hundred more left empty are a broken surface
    maximum_latency_ms: Positive | None = None  # of the 95th percentile, where latency was measured; None: any
    maximum_slice_loss: Share = 0.2  # of a slice's own mean: guardrail on people and items that the mean hides
    minimum_slice_users: Count = 30  # a slice with fewer is not looked at
    minimum_label_coverage: Share = 0.5  # of what users chose, so much must be in the catalog
    ungated_may_publish: bool = True  # the first generation has no incumbent to beat


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
    clock: Clock = Clock()
    privacy: Privacy = Privacy()
    catalog: CatalogPolicy = CatalogPolicy()
    users: UserPolicy = UserPolicy()
    features: FeatureSettings = FeatureSettings()
    embeddings: EmbeddingSettings = EmbeddingSettings()
    attribution: Attribution = Attribution()
    returns: Returns | None = None
    notify: Notify = Notify()
    training: TrainingPolicy = TrainingPolicy()
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
    _check_sources(document, origin)
    if document.users.segment_by == LEARNED_TRAIT and document.users.preferred_categories:
        raise InvalidDocument(
            f"{origin}: users.segment_by {LEARNED_TRAIT!r} is learned from events, also from those that a release is"
            " tested on; take another trait, or give it in the users' source and set users.preferred_categories to 0"
        )
    if document.default_surface not in document.surfaces:
        raise InvalidDocument(f"{origin}: default_surface {document.default_surface!r} is not among the surfaces")
    for surface in document.surfaces:
        segment(surface, "surface")
        ranking = document.on(surface)
        for name in (*ranking.weights, *ranking.similar_weights):
            if name not in document.algorithms:
                known = ", ".join(sorted(document.algorithms))
                raise InvalidDocument(f"{origin}: surface {surface!r} weighs {name!r}; the algorithms are {known}")
        if ranking.penalties and ranking.penalties.returns and not (document.returns or document.sources.orders):
            raise InvalidDocument(
                f"{origin}: surface {surface!r} penalizes returns, but nothing says what came back; give"
                " sources.orders, or say in returns which events do"
            )


def _check_sources(document: TenantDocument, origin: str) -> None:
    """Every source says once where its rows are."""
    for table in document.sources.__struct_fields__:
        for number, spec in enumerate(getattr(document.sources, table)):
            given = [name for name in ORIGINS if getattr(spec, name)]
            place = f"{origin}: sources.{table}[{number}]"
            if len(given) != 1:
                raise InvalidDocument(f"{place}: say exactly one of {', '.join(ORIGINS)}; it says {given or 'none'}")
            if spec.postgres and bool(spec.postgres.table) == bool(spec.postgres.query):
                raise InvalidDocument(f"{place}.postgres: say either table or query")
            if spec.server_log and table != "events":
                raise InvalidDocument(f"{place}: the server's log holds events, not {table}")


def _merged(ranking: Ranking, overrides: dict[str, Any], place: str) -> Ranking:
    try:
        return msgspec.convert(msgspec.to_builtins(ranking) | overrides, Ranking)
    except msgspec.ValidationError as error:
        raise InvalidDocument(f"{place}: {error}") from error
