"""What the recommending endpoints share: find the bundle, ask the core, write the exposure, encode the answer.

Nothing here waits: the only thing that leaves the process is the line in the exposure log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import NamedTuple

from data_contracts.errors import InvalidName
from data_contracts.layout import segment
from data_contracts.records import Consent
from recsys_algo.bundle import Bundle
from recsys_algo.errors import UnknownStrategy
from recsys_algo.rank import recommend, similar
from recsys_algo.situation import Answer, Query
from serving.call import Call
from serving.errors import InvalidTenant, UnknownType
from serving.exposure import ExposureLog, Shown
from serving.identity import Headers, header
from serving.queries import recommend_query, similar_query
from serving.reload import Reloader
from serving.requests import KINDS, Context, Options, RecommendRequest, SimilarRequest, User
from serving.responses import Meta, Notice, Recommendations
from serving.shelf import Served
from serving.shown import notices, places, traced


class Asked(NamedTuple):
    """What requests of every kind say besides the query; ``strategy`` is the one that is reported."""

    endpoint: str
    strategy: str
    user: User
    context: Context
    consent: Consent
    options: Options


@dataclass(frozen=True, eq=False, kw_only=True)
class Recommender:
    """Every answer gets a record in ``exposures`` before it is returned; ``tenant_header`` is in lower case."""

    reloader: Reloader
    exposures: ExposureLog
    clock: Callable[[], datetime]
    tenant_header: bytes
    default_tenant: str | None

    def recommend(self, call: Call, request: RecommendRequest) -> Recommendations:
        """The answer to a clean request. Raises ``ServingError``."""
        served = self._served(call, request.surface)
        query = recommend_query(request, self.clock(), served.bundle.ranking.k)
        begun = perf_counter()
        try:
            answer = recommend(served.bundle, query)
        except UnknownStrategy as error:
            raise UnknownType(str(error)) from error
        strategy = request.strategy or "personalized"
        asked = Asked("recommend", strategy, request.user, request.context, request.consent, request.options)
        return self._answered(call, served.bundle, _Ranked(query, answer, begun), asked)

    def similar(self, call: Call, request: SimilarRequest) -> Recommendations:
        """The answer to a clean request. Raises ``ServingError``."""
        served = self._served(call, request.surface)
        _require_kind(request.kind, served.bundle)
        query = similar_query(request, self.clock(), served.bundle.ranking.k)
        begun = perf_counter()
        answer = similar(served.bundle, request.item_ids, query, request.kind)
        asked = Asked("similar", request.kind, request.user, request.context, request.consent, request.options)
        return self._answered(call, served.bundle, _Ranked(query, answer, begun), asked)

    def default_surface(self, call: Call) -> str:
        """The surface of requests that name none. Raises ``ServingError``."""
        return self.reloader.shelf.default_surface(self._tenant(call))

    def _tenant(self, call: Call) -> str:
        return self.reloader.shelf.tenant(named_tenant(call.headers, self.tenant_header), self.default_tenant)

    def _served(self, call: Call, surface: str) -> Served:
        shelf = self.reloader.shelf  # one look, so that tenant and bundle are of one moment
        tenant = shelf.tenant(named_tenant(call.headers, self.tenant_header), self.default_tenant)
        served = shelf.served(tenant, surface)
        call.tenant, call.surface, call.generation = tenant, surface, served.bundle.generation
        return served

    def _answered(self, call: Call, bundle: Bundle, ranked: "_Ranked", asked: Asked) -> Recommendations:
        ended = perf_counter()
        answer, options = ranked.answer, asked.options
        call.timings = {"rank": _ms(ended - ranked.begun), "total": _ms(ended - call.started)}
        shown = Recommendations(
            items=places(answer, bundle, options),
            meta=_meta(call, bundle, ranked, asked),
            warnings=(*notices(answer), *_consent_notices(asked)),
            trace=traced(answer) if options.include_trace else None,
        )
        call.returned, call.fallback_level = len(shown.items), answer.fallback_level
        call.warnings = tuple(notice.code for notice in shown.warnings)
        latency_ms = _ms(perf_counter() - call.started)
        self.exposures.record(Shown(shown, asked.endpoint, asked.user, asked.context, asked.consent), latency_ms)
        return shown


class _Ranked(NamedTuple):
    query: Query
    answer: Answer
    begun: float


def named_tenant(headers: Headers, name: bytes) -> str | None:
    """The tenant that a request names, if any. Raises ``InvalidTenant`` for what no tenant can be called."""
    given = header(headers, name)
    if given is None:
        return None
    try:
        return segment(given.decode("latin-1").strip(), "tenant")
    except InvalidName as error:
        raise InvalidTenant(str(error)) from error


def _require_kind(kind: str, bundle: Bundle) -> None:
    known = {*KINDS, *(name for source in bundle.sources.values() for name in (source.name, source.kind))}
    if not any(name.startswith(kind) for name in known):
        raise UnknownType(f"unknown kind {kind!r}; the kinds are {', '.join(sorted(known))}")


def _meta(call: Call, bundle: Bundle, ranked: _Ranked, asked: Asked) -> Meta:
    query, answer = ranked.query, ranked.answer
    return Meta(
        tenant_id=bundle.tenant,
        surface=bundle.surface,
        segment=query.segment,
        strategy=asked.strategy,
        algo_version=bundle.algo_version,
        manifest_generation=bundle.generation,
        generated_at=query.now,
        config_version=bundle.config_version,
        rules_version="",
        request_id=call.request_id,
        fallback_level=answer.fallback_level,
        counts=dict(answer.counts),
        timings_ms=call.timings if asked.options.timings else {},
        seed=query.seed,
    )


def _consent_notices(asked: Asked) -> tuple[Notice, ...]:
    if asked.consent == "full":
        return ()
    known = "the visit alone" if asked.consent == "limited" else "nobody"
    return (Notice(code="CONSENT_LIMITED", detail=f"ranked for {known}, recorded without a subject"),)


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)
