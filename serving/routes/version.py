"""``GET /version``: which build this is."""

from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

import msgspec
from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec

from data_contracts.manifest import ENGINE_API
from serving.answering import encode
from serving.refusal import AnyRequest


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """``engine_api`` is what manifests say they need. ``git_sha`` and ``built_at`` are empty outside of a build."""

    service: str
    version: str
    git_sha: str
    built_at: str
    engine_api: int


@get("/version", tags=["operations"], responses={200: ResponseSpec(Version, generate_examples=False)})
async def version(request: AnyRequest) -> Response[bytes]:
    """Which build answers here."""
    settings = request.app.state.settings
    found = Version(
        service="recsys-serving",
        version=own_version(),
        git_sha=settings.git_sha,
        built_at=settings.built_at,
        engine_api=ENGINE_API,
    )
    return Response(encode(found), media_type="application/json", headers={"cache-control": "no-store"})


@cache
def own_version() -> str:
    """The version of the installed distribution, or of a checkout that is not installed."""
    try:
        return version_of("recsys-suite")
    except PackageNotFoundError:
        return "0+unknown"
