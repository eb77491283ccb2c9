"""``GET /metrics``: Prometheus' text format, for all workers of this server."""

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from serving.refusal import AnyRequest
from serving.server import Server


@get("/metrics", include_in_schema=False)
async def metrics(request: AnyRequest) -> Response[bytes]:
    """Counts since the server started."""
    server: Server = request.scope["app"]  # type: ignore[assignment]
    server.settle()
    body = server.metrics.render()
    return Response(body, media_type=CONTENT_TYPE_LATEST, headers={"cache-control": "no-store"})
