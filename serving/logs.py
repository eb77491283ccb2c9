"""Logs: JSON lines on standard output, for events of the server and, cheaper, one for each request.

No line holds a body, a query string or a user's id: what stands for a user in a path is logged as the pseudonym that
the exposure log has, too.
"""

import contextlib
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, Literal

import msgspec
import structlog

from serving.call import Call

Log = structlog.typing.FilteringBoundLogger
FIRST_ERROR = 400
PERSONAL = frozenset({"user_id"})  # path parameters that name a person

_encode = msgspec.json.Encoder(enc_hook=str).encode


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One request in the access log."""

    event: str
    level: Literal["info", "warning", "error"]
    timestamp: datetime
    request_id: str
    method: str
    path: str
    status: int
    ms: float
    tenant: str = ""
    surface: str = ""
    generation: int = 0
    returned: int = 0
    accepted: int = 0
    fallback_level: int = 0


class Lines(structlog.BytesLogger):
    """A line at a time. A reader that has gone away or a full disk stops no request and no reload."""

    def msg(self, message: bytes) -> None:
        """Write it, if it can be written."""
        with contextlib.suppress(OSError, ValueError):
            super().msg(message)

    debug = info = warning = error = critical = exception = msg


class AccessLog:
    """Writes one line per request; ``only_errors`` leaves out the good ones."""

    def __init__(self, out: BinaryIO, pseudonym: Callable[[str, str], str], *, only_errors: bool = False) -> None:
        self._sink = Lines(out)
        self._pseudonym = pseudonym
        self._only_errors = only_errors

    def write(self, call: Call, scope: Mapping[str, Any]) -> None:
        """The line of a request that was answered."""
        if self._only_errors and call.status < FIRST_ERROR:
            return
        line = Line(
            event="request",
            level=_LEVELS.get(call.status // 100, "error"),
            timestamp=datetime.fromtimestamp(call.ended, UTC),
            request_id=call.request_id,
            method=scope["method"],
            path=self._path(call, scope),
            status=call.status,
            ms=round(call.seconds * 1e3, 3),
            tenant=call.tenant,
            surface=call.surface,
            generation=call.generation,
            returned=call.returned,
            accepted=call.accepted,
            fallback_level=call.fallback_level,
        )
        self._sink.msg(_encode(line))

    def _path(self, call: Call, scope: Mapping[str, Any]) -> str:
        """The path without people; of a path that no route knows, only the beginning."""
        path: str = scope["path"]
        parameters: Mapping[str, Any] = scope.get("path_params") or {}
        if not call.known_path and "route_handler" not in scope:
            return f"/{path.split('/')[1][:64]}/..."
        for name in PERSONAL & parameters.keys():
            shown = self._pseudonym(call.tenant, parameters[name])
            path = scope["path_template"].replace(f"{{{name}}}", f"~{shown}")
        return path


def json_log(out: BinaryIO | None = None) -> Log:
    """A logger of events as JSON lines; it changes nothing global."""
    log: Log = structlog.wrap_logger(
        Lines(out or sys.stdout.buffer),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: _encode(event)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=True,
    )
    return log


_LEVELS: dict[int, Literal["info", "warning"]] = {0: "info", 2: "info", 3: "info", 4: "warning"}
