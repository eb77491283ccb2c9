"""The outermost layer: every request gets an id, every answer carries it, and every end is counted and logged once."""

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

from litestar import Litestar

from serving.call import Call
from serving.identity import request_id
from serving.logs import AccessLog
from serving.metrics import Metrics

App = Callable[[Any, Any, Any], Awaitable[None]]


class Server(Litestar):
    """Litestar with the request's ``Call`` in its scope. What Litestar itself refuses (404, 405) passes here, too.

    ``direct`` holds applications by path that answer POST without Litestar's layers.
    """

    metrics: Metrics
    access_log: AccessLog | None
    direct: Mapping[str, App]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        call = Call(request_id(scope["headers"]), perf_counter(), scope["headers"])
        scope.setdefault("state", {})["call"] = call
        own_header = (b"x-request-id", call.request_id.encode())

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                message["headers"] = [*message["headers"], own_header]
            await send(message)

        app = self.direct.get(scope["path"]) if scope["method"] == "POST" else None
        try:
            await (app or super().__call__)(scope, receive, sent)
        finally:
            self._ended(call, scope)

    def _ended(self, call: Call, scope: Any) -> None:
        seconds = perf_counter() - call.started
        endpoint = call.endpoint or _endpoint(scope)
        if endpoint:
            self.metrics.answered(endpoint, call, seconds)
        if self.access_log is not None:
            self.access_log.write(call, scope, seconds)


def _endpoint(scope: Any) -> str:
    handler = scope.get("route_handler")
    return handler.opt.get("endpoint", "") if handler is not None else ""


def call_of(scope: Any) -> Call:
    """The call that a scope belongs to."""
    call: Call = scope["state"]["call"]
    return call
