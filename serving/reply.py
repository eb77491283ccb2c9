"""An answer whose bytes are ready: two messages, and nothing is looked at again."""

from typing import Any

JSON = b"application/json"
ONLY_ONCE = (b"cache-control", b"no-store")
FOR_A_MOMENT = (b"cache-control", b"private, max-age=30")  # a list may be shown again while somebody pages back

Header = tuple[bytes, bytes]


class Reply:
    """A successful answer. As a return annotation it tells Litestar to send it as it is."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, body: bytes, *headers: Header, media_type: bytes = JSON, status: int = 200) -> None:
        self.body = body
        self.status = status
        self.headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *headers]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})
