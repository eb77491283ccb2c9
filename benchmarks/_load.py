"""A small load generator: connections that always have one request on its way, and nothing else."""

import asyncio
import time
from collections.abc import Callable, Sequence

SEPARATOR = b"\r\n\r\n"


def post(path: str, body: bytes) -> bytes:
    """A whole HTTP request."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + SEPARATOR + body


async def answers_per_second(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> float:
    """Over all connections; each sends every so many-th of the requests, again and again. Any other answer than 200
    is an error."""
    loop = asyncio.get_running_loop()
    clients = [_Client(requests[number::connections], loop.create_future()) for number in range(connections)]
    for client in clients:
        await loop.create_connection(_same(client), "127.0.0.1", port)
    begun = time.perf_counter()
    await asyncio.sleep(seconds)
    took, answered = time.perf_counter() - begun, sum(client.answered for client in clients)
    for client in clients:
        client.stopping = True
    await asyncio.wait([client.done for client in clients], timeout=10)
    for client in clients:
        client.done.result()
    return answered / took


def _same(client: "_Client") -> Callable[[], "_Client"]:
    return lambda: client


class _Client(asyncio.Protocol):
    def __init__(self, requests: Sequence[bytes], done: "asyncio.Future[None]") -> None:
        self.requests, self.done = requests, done
        self.answered = self.missing = 0
        self.stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.transport.write(self.requests[self.answered % len(self.requests)])  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self.missing:
            self.missing -= len(data)
        else:
            self.missing = _missing(data)
        if self.missing == 0:
            self.answered += 1
            if self.stopping:
                self.transport.close()
            else:
                self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            bad = exc if exc is not None or self.stopping else ConnectionError("the server closed the connection")
            self.done.set_exception(bad) if bad is not None else self.done.set_result(None)


def _missing(data: bytes) -> int:
    """How many bytes of the answer that begins with ``data`` are still to come."""
    head, separator, rest = data.partition(SEPARATOR)
    if not head.startswith(b"HTTP/1.1 200") or not separator:
        raise ConnectionError(f"an answer begins with {data[:200]!r}")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    return length - len(rest)
