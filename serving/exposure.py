"""The exposure log: one record per answer, written before the answer leaves, with pseudonyms in place of people."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, cast

import msgspec

from data_contracts.pseudonym import Pseudonyms
from data_contracts.records import EXPOSURE_SCHEMA, ExposedItem, Exposure, Subject
from serving.answers import Listed
from serving.landing import Landing
from serving.logs import Log
from serving.metrics import Metrics
from serving.requests import NOBODY, NOWHERE, Context, RecommendRequest, SimilarRequest
from serving.responses import Meta
from serving.segments import SegmentLost

NOBODY_KNOWN = Subject()


class Shown(NamedTuple):
    """What was answered to which request."""

    meta: Meta
    listed: Listed
    endpoint: str
    request: RecommendRequest | SimilarRequest
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class ExposureLog:
    """Turns answers into lines; ``secret`` is what pseudonyms are made with."""

    landing: Landing
    secret: bytes
    metrics: Metrics
    log: Log
    clock: Callable[[], datetime]
    _pseudonyms: dict[str, Pseudonyms] = field(default_factory=dict)
    _known_trouble: set[str] = field(default_factory=set)

    def record(self, shown: Shown, latency_ms: float) -> bool:
        """Write one record, if it can be written: otherwise that is counted and logged, and the answer goes out."""
        ts = self.clock()
        tenant = shown.meta.tenant_id
        line = _ENCODER.encode(exposure(shown, self.subject(tenant, shown), ts, latency_ms))
        try:
            self.landing.segments.append(tenant, ts.date(), line + b"\n")
        except SegmentLost as lost:
            self.metrics.exposures_dropped.labels(lost.reason).inc()
            self._complain(lost)
            return False
        self._known_trouble.clear()
        return True

    def _complain(self, lost: SegmentLost) -> None:
        """Log each kind of trouble once, until a record can be written again."""
        if lost.reason not in self._known_trouble:
            self._known_trouble.add(lost.reason)
            self.log.error("exposure_dropped", reason=lost.reason, detail=str(lost))

    def subject(self, tenant: str, shown: Shown) -> Subject:
        """Who saw it; nobody without full consent."""
        user = shown.request.user
        if shown.request.consent != "full" or user is NOBODY:
            return NOBODY_KNOWN
        pseudonyms = self.pseudonyms_of(tenant)
        return Subject(
            user=user.user_id and pseudonyms.of(user.user_id),
            anonymous=user.anonymous_id and pseudonyms.of(user.anonymous_id),
            session=user.session_id and pseudonyms.of(user.session_id),
            key_id=pseudonyms.key_id,
        )

    def pseudonyms_of(self, tenant: str) -> Pseudonyms:
        """Made once per tenant."""
        if tenant not in self._pseudonyms:
            self._pseudonyms[tenant] = Pseudonyms(self.secret, tenant)
        return self._pseudonyms[tenant]


def exposure(shown: Shown, subject: Subject, ts: datetime, latency_ms: float) -> Exposure:
    """The record of one answer. ``ts`` is the server's clock, whatever the request calls now."""
    meta = shown.meta
    return Exposure(
        schema=EXPOSURE_SCHEMA,
        ts=ts,
        request_id=meta.request_id,
        tenant=meta.tenant_id,
        surface=meta.surface,
        endpoint=shown.endpoint,
        segment=meta.segment,
        subject=subject,
        consent=shown.request.consent,
        manifest_generation=meta.manifest_generation,
        algo_version=meta.algo_version,
        config_version=meta.config_version,
        seed=meta.seed,
        fallback_level=meta.fallback_level,
        items=cast("tuple[ExposedItem, ...]", shown.listed.exposed),  # as JSON, which is written as it is
        counts=meta.counts,
        latency_ms=latency_ms,
        context=logged_context(shown.request.context),
        warnings=shown.warnings,
    )


def logged_context(context: Context) -> dict[str, str]:
    """The context as texts; attributes keep their names behind `attributes.`."""
    if context is NOWHERE:
        return {}
    named = {
        name: value
        for name in ("locale", "device", "country", "daypart", "page_item_id")
        if (value := getattr(context, name)) is not None
    }
    if context.now is not None:
        named["now"] = context.now.isoformat()
    return named | {f"attributes.{name}": value for name, value in context.attributes.items()}


_ENCODER = msgspec.json.Encoder()
