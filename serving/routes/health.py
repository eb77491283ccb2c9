"""Health: is the process alive, may it get traffic, and how old is what it serves. Each worker speaks for itself."""

from collections.abc import Iterator
from typing import Literal

import msgspec
from litestar import Response, get, route
from litestar.openapi.datastructures import ResponseSpec

from serving.answering import encode
from serving.refusal import AnyRequest
from serving.shelf import Failure, Place, Served, Shelf

Status = Literal["ok", "degraded", "down"]


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One surface (`tenant/surface`), or `store`, or `draining`. ``reason`` is why it is not newer or not there."""

    status: Status
    generation: int | None = None
    reason: str = ""
    detail: str = ""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """``down``: send no traffic. ``degraded``: it answers, but perhaps from something older than what is published."""

    status: Status
    checks: dict[str, Check]


_ANSWERS = {
    200: ResponseSpec(Health, generate_examples=False, description="ok or degraded"),
    503: ResponseSpec(Health, generate_examples=False, description="down"),
}


@route("/healthz", http_method=["GET", "HEAD"], tags=["operations"], include_in_schema=False)
async def alive() -> Response[bytes]:
    """The process answers."""
    return Response(b'{"status":"ok"}', media_type="application/json", headers={"cache-control": "no-store"})


@get(["/readyz", "/health"], tags=["operations"], responses=_ANSWERS)
async def ready(request: AnyRequest) -> Response[bytes]:
    """Whether this worker should get traffic, and what it serves."""
    state = request.app.state
    found = health(state.recommender.reloader.shelf, draining=state.draining(), required=state.required)
    return Response(
        encode(found),
        status_code=503 if found.status == "down" else 200,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


def health(shelf: Shelf, *, draining: bool, required: tuple[Place, ...] = ()) -> Health:
    """The state of a worker. It is down while it drains, serves nothing, or lacks a surface that is required."""
    checks = {"/".join(place): _check(served, shelf.failures.get(place)) for place, served in shelf.places}
    checks |= dict(_absent(shelf, required))
    if shelf.store_failure is not None:
        checks["store"] = Check(status="degraded", reason=shelf.store_failure.reason, detail=shelf.store_failure.detail)
    if draining:
        checks["draining"] = Check(status="down", reason="stopping")
    down = draining or not shelf.tenants or any(shelf.at(place) is None for place in required)
    return Health(status="down" if down else "degraded" if shelf.degraded else "ok", checks=checks)


def _check(served: Served, failure: Failure | None) -> Check:
    generation = served.manifest.generation
    if failure is None:
        return Check(status="ok", generation=generation)
    return Check(status="degraded", generation=generation, reason=failure.reason, detail=failure.detail)


def _absent(shelf: Shelf, required: tuple[Place, ...]) -> Iterator[tuple[str, Check]]:
    for place in sorted({*required, *shelf.failures}):
        if shelf.at(place) is None:
            failure = shelf.failures.get(place)
            reason, detail = (failure.reason, failure.detail) if failure else ("not_published", "")
            yield "/".join(place), Check(status="down", reason=reason, detail=detail)
