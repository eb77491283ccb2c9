"""The application: everything is wired here, once, from settings."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from litestar.datastructures import State
from prometheus_client import Counter

from data_contracts.open import open_blobs
from data_contracts.pseudonym import secret_at
from data_contracts.signature import verify_keys
from serving.answers import Answers
from serving.direct import Direct
from serving.events import EventLog
from serving.exposure import ExposureLog
from serving.landing import Landing
from serving.logs import AccessLog, Log, json_log
from serving.metrics import Metrics
from serving.openapi import document, yaml
from serving.recommender import Recommender
from serving.refusal import StrictRequest, refused
from serving.reload import Reloader
from serving.requests import MAX_BODY_BYTES
from serving.routes import (
    docs,
    events,
    health,
    items,
    metrics,
    recommend,
    recommendations,
    recs,
    similar,
    validate,
    version,
)
from serving.run import RunFolder
from serving.segments import Rotation, Segments
from serving.sent import MAX_BATCH_BYTES
from serving.server import Server
from serving.settings import Settings
from serving.tombstones import Forgotten

HANDLERS = (
    recommend.recommend,
    validate.validate,
    similar.similar,
    items.similar_to_item,
    recs.recs,
    recommendations.recommendations,
    events.events,
    events.event,
    health.alive,
    health.ready,
    version.version,
    metrics.metrics,
)
FIRST_LOAD_S = 10.0  # how long a start waits for the store, before it goes on and says that it is not ready
LAST_LANDING_S = 5.0  # how long an end waits for the landing area; what is not landed stays in the spool


def create_app(settings: Settings, environ: Mapping[str, str] | None = None) -> Server:
    """A server with these settings; ``environ`` (of the process) is only for the stores' own variables."""
    environ = os.environ if environ is None else environ
    counted, log = Metrics(), json_log()
    recommender = _recommender(settings, environ, counted, log)
    happened = _events(settings, environ, recommender, log)
    run = RunFolder.of_worker(environ)
    handlers = [*HANDLERS, *(docs.HANDLERS if settings.has_docs else ())]
    app = Server(
        handlers,
        request_class=StrictRequest,
        request_max_body_size=MAX_BODY_BYTES,
        exception_handlers={Exception: refused},
        lifespan=[_lifespan],
        openapi_config=None,
        logging_config=None,
        debug=False,
        state=State(
            {
                "settings": settings,
                "required": settings.required,
                "recommender": recommender,
                "events": happened,
                "log": log,
                "draining": run.is_draining if run else lambda: False,
                **(_described(settings.tenant_header) if settings.has_docs else {}),
            }
        ),
    )
    app.metrics = counted
    app.access_log = _access_log(settings, recommender.exposures)
    app.direct = {
        "/v1/recommend": Direct("recommend", recommend.DECODER, recommend.answered, recommender, log),
        "/v1/similar": Direct("similar", similar.DECODER, similar.answered, recommender, log),
        "/v1/recommend/validate": Direct("", validate.DECODER, validate.answered, recommender, log),
        "/v1/events:batch": Direct("", events.DECODER, events.answered, happened, log, MAX_BATCH_BYTES),
        "/events": Direct("", events.ALIAS_DECODER, events.alias_answered, happened, log, MAX_BATCH_BYTES),
    }
    return app


def worker() -> Server:
    """The application of one worker process, from its environment."""
    return create_app(Settings.from_environ(os.environ))


def _recommender(settings: Settings, environ: Mapping[str, str], counted: Metrics, log: Log) -> Recommender:
    exposures, store = _exposures(settings, environ, counted, log), open_blobs(settings.locations.store, environ)
    forgotten = Forgotten(store, exposures.pseudonyms_of)
    return Recommender(
        reloader=Reloader(
            store=store,
            forgotten=forgotten,
            cache=settings.locations.cache,
            keys=verify_keys(environ),
            metrics=counted,
            log=log,
            clock=_now,
        ),
        answers=Answers(settings.answers_kept_mb * 1_000_000),
        exposures=exposures,
        forgotten=forgotten,
        clock=_now,
        tenant_header=settings.tenant_header.lower().encode(),
        default_tenant=settings.default_tenant,
    )


def _exposures(settings: Settings, environ: Mapping[str, str], counted: Metrics, log: Log) -> ExposureLog:
    home, secret = settings.locations.home, settings.pseudonym_secret
    return ExposureLog(
        landing=_landing(settings, environ, "exposures", counted.landing_failures, log),
        secret=secret_at(home / "pseudonym.secret") if secret is None else secret.encode(),
        metrics=counted,
        log=log,
        clock=_now,
    )


def _events(settings: Settings, environ: Mapping[str, str], recommender: Recommender, log: Log) -> EventLog:
    counted = recommender.exposures.metrics
    named = (settings.default_tenant, *(tenant for tenant, _ in settings.required))
    return EventLog(
        reloader=recommender.reloader,
        forgotten=recommender.forgotten,
        landing=_landing(settings, environ, "events", counted.events_landing_failures, log),
        pseudonyms_of=recommender.exposures.pseudonyms_of,
        metrics=counted,
        clock=_now,
        tenant_header=recommender.tenant_header,
        default_tenant=settings.default_tenant,
        own_tenants=frozenset(tenant for tenant in named if tenant),
    )


def _landing(  # noqa: PLR0917  (wired twice, below each other)
    settings: Settings, environ: Mapping[str, str], kind: str, failures: Counter, log: Log
) -> Landing:
    """From the spool of that kind to the landing area; both logs have the same segments."""
    rotation = Rotation(
        largest_bytes=settings.exposure_segment_bytes,
        longest_s=settings.exposure_segment_s,
        sync=settings.exposure_fsync,
    )
    return Landing(
        segments=Segments(settings.locations.home / "spool" / kind, rotation, time.monotonic, kind=kind),
        area=open_blobs(settings.locations.landing, environ),
        failures=failures,
        log=log,
        failed=f"{kind.removesuffix('s')}_landing_failed",
    )


def _access_log(settings: Settings, exposures: ExposureLog) -> AccessLog | None:
    if settings.access_log == "off":
        return None
    return AccessLog(
        sys.stdout.buffer,
        lambda tenant, user: exposures.pseudonyms_of(tenant).of(user),
        only_errors=settings.access_log == "errors",
    )


@cache
def _described(tenant_header: str) -> dict[str, bytes]:
    described = document(HANDLERS, tenant_header)
    return {"openapi_json": msgspec.json.encode(described), "openapi_yaml": yaml(described).encode()}


@asynccontextmanager
async def _lifespan(app: Server) -> AsyncIterator[None]:
    """Load before the first request if that is quick, follow the store, and leave no exposure or event behind."""
    settings: Settings = app.state.settings
    recommender: Recommender = app.state.recommender
    landings = (recommender.exposures.landing, app.state.events.landing)
    keep_every_s = min(5.0, settings.exposure_segment_s / 2)
    tasks = [
        asyncio.create_task(recommender.reloader.run(settings.reload_every_s)),
        *(asyncio.create_task(landing.keep(keep_every_s)) for landing in landings),
        asyncio.create_task(app.settle_for_ever()),
    ]
    await _at_most(FIRST_LOAD_S, recommender.reloader.polled.wait())
    yield
    for task in tasks:
        task.cancel()
    app.settle()
    await _at_most(LAST_LANDING_S, *(landing.land(everything=True) for landing in landings))


async def _at_most(seconds: float, *works: Coroutine[Any, Any, Any]) -> None:
    await asyncio.wait([asyncio.create_task(work) for work in works], timeout=seconds)


def _now() -> datetime:
    return datetime.now(UTC)
