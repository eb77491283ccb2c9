"""The POST endpoints without Litestar's layers, which cost as much as ranking does.

The routes stay registered with Litestar, for the documentation, for OPTIONS and for every other method; what they
answer to a POST is computed by the same functions, and one suite of tests runs over both ways. The one difference:
nobody looks at the Host header here, because nothing depends on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from serving.call import Call
from serving.errors import PROBLEM_MEDIA_TYPE, PayloadTooLarge
from serving.identity import header
from serving.logs import Log
from serving.recommender import Recommender
from serving.refusal import decoded, headers_of, refusal
from serving.reply import Reply
from serving.requests import MAX_BODY_BYTES
from serving.server import call_of

Answered = Callable[[Recommender, Call, Any], Reply]


class Gone(Exception):
    """The client left before it had said everything."""


@dataclass(frozen=True, eq=False)
class Direct:
    """One endpoint: a body in, a reply out."""

    endpoint: str
    decoder: msgspec.json.Decoder[Any]
    answered: Answered
    recommender: Recommender
    log: Log

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one POST."""
        call = call_of(scope)
        call.endpoint, call.known_path = self.endpoint, True
        try:
            asked = decoded(await body_of(call, receive), header(call.headers, b"content-type"), self.decoder)
            reply = self.answered(self.recommender, call, asked)
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


async def body_of(call: Call, receive: Any) -> bytes:
    """The whole body. Raises ``PayloadTooLarge`` as soon as it is known to be, and ``Gone``."""
    announced = header(call.headers, b"content-length") or b"0"
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"a body has at most {MAX_BODY_BYTES} bytes")
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise PayloadTooLarge(f"a body has at most {MAX_BODY_BYTES} bytes")
        if not message.get("more_body", False):
            return body
