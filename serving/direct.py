"""The POST endpoints without Litestar's layers, which cost as much as ranking does.

The routes stay registered with Litestar, for the documentation, for OPTIONS and for every other method; what they
answer to a POST is computed by the same functions, and one suite of tests runs over both ways. The one difference:
nobody looks at the Host header here, because nothing depends on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from serving.call import Call
from serving.errors import PROBLEM_MEDIA_TYPE
from serving.identity import header
from serving.logs import Log
from serving.refusal import decoded, headers_of, refusal, too_large
from serving.reply import Reply
from serving.requests import MAX_BODY_BYTES
from serving.server import call_of

T = TypeVar("T")


class Gone(Exception):
    """The client left before it had said everything."""


@dataclass(frozen=True, eq=False)
class Direct(Generic[T]):
    """One endpoint: a body of at most ``largest`` bytes in, a reply out. ``within`` is what answering works with."""

    endpoint: str
    decoder: msgspec.json.Decoder[Any]
    answered: Callable[[T, Call, Any], Reply]
    within: T
    log: Log
    largest: int = MAX_BODY_BYTES

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one POST."""
        call = call_of(scope)
        call.endpoint, call.known_path = self.endpoint, True
        try:
            body = await body_of(call, receive, self.largest)
            reply = self.answered(self.within, call, decoded(body, header(call.headers, b"content-type"), self.decoder))
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - the boundary of a request
            await self._refuse(scope, error, send)
        else:
            await reply(scope, receive, send)

    async def _refuse(self, scope: Any, error: Exception, send: Any) -> None:
        refused, body = refusal(scope, error, self.log)
        headers = {**headers_of(refused), "content-type": PROBLEM_MEDIA_TYPE, "content-length": str(len(body))}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": refused.status, "headers": raw})
        await send({"type": "http.response.body", "body": body, "more_body": False})


async def body_of(call: Call, receive: Any, largest: int = MAX_BODY_BYTES) -> bytes:
    """The whole body. Raises ``PayloadTooLarge`` as soon as it is known to be, and ``Gone``."""
    announced = header(call.headers, b"content-length") or b"0"
    if announced.isdigit() and int(announced) > largest:
        raise too_large(largest)
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > largest:
            raise too_large(largest)
        if not message.get("more_body", False):
            return b"".join(parts)
