"""Names of requests: the caller's own id if it is well formed, otherwise a UUIDv7 (RFC 9562), which sorts by time."""

import os
import re
import time
from collections.abc import Iterable

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

Headers = Iterable[tuple[bytes, bytes]]


def request_id(headers: Headers) -> str:
    """What ``X-Request-Id`` says, or a new id where it says nothing that can stand in a header and in a log."""
    given = header(headers, b"x-request-id")
    return given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else uuid7(time.time_ns())


def trace_id(headers: Headers) -> str | None:
    """The trace that ``traceparent`` (W3C) names."""
    matched = _TRACEPARENT.fullmatch(header(headers, b"traceparent") or b"")
    return matched[1].decode() if matched else None


def header(headers: Headers, name: bytes) -> bytes | None:
    """The first header of that (lower-case) name."""
    for key, value in headers:
        if key == name:
            return value
    return None


def uuid7(now_ns: int) -> str:
    """48 bits of milliseconds, 74 random ones, and version and variant between them."""
    time, chance = f"{now_ns // 1_000_000:012x}", os.urandom(10).hex()
    return f"{time[:8]}-{time[8:]}-7{chance[:3]}-{'89ab'[int(chance[3], 16) & 3]}{chance[4:7]}-{chance[7:19]}"
