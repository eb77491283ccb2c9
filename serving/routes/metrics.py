"""``GET /metrics``: Prometheus' text format, for all workers of this server."""

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from serving.refusal import AnyRequest


@get("/metrics", include_in_schema=False)
async def metrics(request: AnyRequest) -> Response[bytes]:
    """Counts since the server started."""
    body: bytes = request.app.state.metrics.render()
    return Response(body, media_type=CONTENT_TYPE_LATEST, headers={"cache-control": "no-store"})
