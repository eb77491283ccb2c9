"""The outermost layer: every request gets an id, every answer carries it, and every end is counted and logged once.

Counting and logging wait a moment, until there is a handful to do: a killed worker loses that moment of both. What must
not be lost, the exposure, is written before the answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter, time
from typing import Any

from litestar import Litestar

from serving.call import Call
from serving.identity import request_id
from serving.logs import AccessLog
from serving.metrics import Metrics

SETTLE_EVERY_S = 0.05
MOST_FINISHED = 500
App = Callable[[Any, Any, Any], Awaitable[None]]


class Server(Litestar):
    """Litestar with the request's ``Call`` in its scope. What Litestar itself refuses (404, 405) passes here, too.

    ``direct`` holds applications by path that answer POST without Litestar's layers.
    """

    metrics: Metrics
    access_log: AccessLog | None
    direct: Mapping[str, App]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._finished: list[tuple[Call, Any]] = []

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
            call.ended, call.seconds = time(), perf_counter() - call.started
            self._finished.append((call, scope))
            if len(self._finished) >= MOST_FINISHED:
                self.settle()

    async def settle_for_ever(self) -> None:
        """Count and log what is answered, twenty times a second: together that costs a third of one by one."""
        while True:
            await asyncio.sleep(SETTLE_EVERY_S)
            self.settle()

    def settle(self) -> None:
        """Count and log every request that has ended and is not yet."""
        finished, self._finished = self._finished, []
        for call, scope in finished:
            endpoint = call.endpoint or _endpoint(scope)
            if endpoint:
                self.metrics.answered(endpoint, call)
            if self.access_log is not None:
                self.access_log.write(call, scope)


def _endpoint(scope: Any) -> str:
    handler = scope.get("route_handler")
    return handler.opt.get("endpoint", "") if handler is not None else ""


def call_of(scope: Any) -> Call:
    """The call that a scope belongs to."""
    call: Call = scope["state"]["call"]
    return call
