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
from serving.answers import Answers, Listed
from serving.call import Call
from serving.errors import InvalidTenant
from serving.exposure import ExposureLog, Shown
from serving.identity import Headers, header
from serving.queries import form_of
from serving.reload import Reloader
from serving.requests import RecommendRequest, SimilarRequest
from serving.responses import Answered, Meta, Notice
from serving.shelf import Served, Shelf
from serving.tombstones import Forgotten


class Asked(NamedTuple):
    """What is asked of which generation; ``strategy`` is the one that is reported."""

    endpoint: str
    strategy: str
    served: Served
    request: RecommendRequest | SimilarRequest


@dataclass(frozen=True, eq=False, kw_only=True)
class Recommender:
    """Every answer gets a record in ``exposures`` before it is returned; ``tenant_header`` is in lower case."""

    reloader: Reloader
    answers: Answers
    exposures: ExposureLog
    forgotten: Forgotten
    clock: Callable[[], datetime]
    tenant_header: bytes
    default_tenant: str | None

    def recommend(self, call: Call, request: RecommendRequest) -> Answered:
        """The answer to a clean request. Raises ``ServingError``."""
        served = self._served(call, request.surface)
        return self._answered(call, Asked("recommend", request.strategy or "personalized", served, request))

    def similar(self, call: Call, request: SimilarRequest) -> Answered:
        """The answer to a clean request. Raises ``ServingError``."""
        served = self._served(call, request.surface)
        return self._answered(call, Asked("similar", request.kind, served, request))

    def default_surface(self, call: Call) -> str:
        """The surface of requests that name none. Raises ``ServingError``."""
        return self.reloader.shelf.default_surface(self._tenant(call, self.reloader.shelf))

    def _tenant(self, call: Call, shelf: Shelf) -> str:
        return shelf.tenant(named_tenant(call.headers, self.tenant_header), self.default_tenant)

    def _served(self, call: Call, surface: str) -> Served:
        shelf = self.reloader.shelf  # one look, so that tenant and bundle are of one moment
        tenant = self._tenant(call, shelf)
        served = shelf.served(tenant, surface)
        call.tenant, call.surface, call.generation = tenant, surface, served.bundle.generation
        return served

    def _answered(self, call: Call, asked: Asked) -> Answered:
        request, begun = self.forgotten.without(call.tenant, asked.request), perf_counter()
        now = request.context.now or self.clock()
        form = form_of(request, asked.served.users, asked.served.bundle.segments)
        listed = self.answers.listed(asked.served, form, now)
        ended = perf_counter()
        call.timings = {"rank": _ms(ended - begun), "total": _ms(ended - call.started)}
        notices = listed.notices if request.consent == "full" else (*listed.notices, _limited(request.consent))
        call.returned, call.fallback_level = listed.returned, listed.fallback_level
        call.warnings = tuple([notice.code for notice in notices])
        meta = _meta(call, asked, listed, now)
        shown = Shown(meta, listed, asked.endpoint, request, call.warnings)
        call.recorded = self.exposures.record(shown, _ms(perf_counter() - call.started))
        return Answered(items=listed.items, meta=meta, warnings=notices, trace=listed.trace)


def named_tenant(headers: Headers, name: bytes) -> str | None:
    """The tenant that a request names, if any. Raises ``InvalidTenant`` for what no tenant can be called."""
    given = header(headers, name)
    if given is None:
        return None
    try:
        return segment(given.decode("latin-1").strip(), "tenant")
    except InvalidName as error:
        raise InvalidTenant(str(error)) from error


def _meta(call: Call, asked: Asked, listed: Listed, now: datetime) -> Meta:
    bundle, request = asked.served.bundle, asked.request
    return Meta(
        tenant_id=bundle.tenant,
        surface=bundle.surface,
        segment=listed.segment,
        strategy=asked.strategy,
        algo_version=bundle.algo_version,
        manifest_generation=bundle.generation,
        generated_at=now,
        config_version=bundle.config_version,
        rules_version="",
        request_id=call.request_id,
        fallback_level=listed.fallback_level,
        counts=listed.counts,
        timings_ms=call.timings if request.options.timings else {},
        seed=request.options.seed,
    )


def _limited(consent: Consent) -> Notice:
    known = "the visit alone" if consent == "limited" else "nobody"
    return Notice(code="CONSENT_LIMITED", detail=f"ranked for {known}, recorded without a subject")


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)
