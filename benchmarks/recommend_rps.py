"""``POST /v1/recommend`` over a bare Litestar endpoint that returns the same bytes: requests per second, and their ratio.

Both servers run with one worker and the same granian settings; the load comes from this process over loopback, in
turns, so that what else the machine does hits both. The recommending server does all its work: it ranks, writes the
exposure log, counts, and writes an access log (to a file). Run it with ``python benchmarks/recommend_rps.py``.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from data_contracts.directory import DirectoryBlobs  # noqa: E402 - the checkout may not be installed
from data_contracts.manifest import Lineage, Window  # noqa: E402
from recsys_algo.encode import encode_catalog, encode_table, load_items  # noqa: E402
from recsys_pipelines.publish import Candidate, publish  # noqa: E402

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ITEMS, USERS, LISTED, NEIGHBORS, HISTORY = 10_000, 5_000, 1_000, 50, 20
CONNECTIONS = 16
DOCUMENT = {
    "schema": "recsys.tenant/1",
    "tenant": "bench",
    "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events.csv"}]},
    "algorithms": {"popularity": {}, "cooccurrence": {}, "als": {}},
    "ranking": {"weights": {"popularity": 1.0, "cooccurrence": 2.0, "als": 3.0}},
    "surfaces": {"home": {}},
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--bare", type=int, metavar="PORT", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.bare:
        serve_bare(asked.bare)
        return
    with tempfile.TemporaryDirectory(prefix="recsys-bench-") as folder:
        home = Path(folder)
        publish_world(home)
        in_process(home)
        over_http(home, asked.rounds, asked.seconds)


def publish_world(home: Path) -> None:
    """A catalog of 10,000 items, lists for 5,000 users, neighbours for every item."""
    rng = np.random.default_rng(7)
    ids = [f"item-{number:05}" for number in range(ITEMS)]
    users = [f"user-{number:05}" for number in range(USERS)]
    folder = home / "arrays"
    catalog = {
        "item_id": ids,
        "brand": [f"brand-{number % 200}" for number in range(ITEMS)],
        "category": [f"category-{number % 40}" for number in range(ITEMS)],
        "price_minor": rng.integers(100, 50_000, ITEMS).tolist(),
        "currency": ["EUR"] * ITEMS,
        "available": (rng.random(ITEMS) > 0.03).tolist(),
    }
    encoded = [encode_catalog(catalog, folder)]
    items = load_items(folder)

    def lists(owners: list[str], owner: str, other: str, length: int) -> dict[str, list[Any]]:
        chosen = rng.integers(0, ITEMS - 1, (len(owners), length))
        chosen = (chosen[:, :1] + np.arange(1, length + 1) * 7) % ITEMS
        scores = np.sort(rng.random((len(owners), length)))[:, ::-1]
        return {
            owner: [one for one in owners for _ in range(length)],
            other: [ids[place] for place in chosen.ravel()],
            "score": scores.ravel().tolist(),
        }

    neighbors = lists(ids, "item_id", "neighbor_id", NEIGHBORS)
    neighbors["neighbor_id"] = [
        ids[(number // NEIGHBORS + number % NEIGHBORS + 1) % ITEMS] for number in range(ITEMS * NEIGHBORS)
    ]
    popular = {"segment": [""] * LISTED, "item_id": ids[:LISTED], "score": np.linspace(1, 0, LISTED).tolist()}
    seen = lists(users, "user_id", "item_id", 5)
    seen["score"] = [NOW.timestamp() // 86_400 - 3] * len(seen["score"])
    encoded += [
        encode_table("popularity", "popularity", "item_scores", popular, items, folder),
        encode_table("cooccurrence", "cooccurrence", "item_neighbors", neighbors, items, folder),
        encode_table("als", "als", "user_items", lists(users, "user_id", "item_id", 200), items, folder),
        encode_table("history", "history", "user_items", lists(users, "user_id", "item_id", HISTORY), items, folder),
        encode_table("seen.purchase", "seen", "user_items", seen, items, folder),
    ]
    candidate = Candidate(
        tenant="bench",
        surface="home",
        window=Window(NOW - timedelta(days=90), NOW),
        document=json.dumps(DOCUMENT).encode(),
        artifacts=encoded,
        evaluated=[],
        lineage=Lineage(data_fingerprint="bench", config_hash="bench"),
        decision="promoted",
    )
    publish(candidate, DirectoryBlobs(home / "store"), now=NOW, by="bench", keep=3)


def asked_by(user: int) -> bytes:
    """The body that this user sends."""
    return json.dumps({"surface": "home", "k": 20, "user": {"user_id": f"user-{user:05}"}}).encode()


def bare_app(body: bytes) -> Any:
    """The smallest Litestar application that answers a POST with these bytes."""
    from litestar import Litestar, Response, post  # noqa: PLC0415

    @post("/v1/recommend", status_code=200)
    async def constant() -> Response[bytes]:
        return Response(body, media_type="application/json")

    return Litestar([constant], openapi_config=None, logging_config=None)


def bare() -> Any:
    """The bare application of a worker process."""
    return bare_app(Path(os.environ["BENCH_BODY"]).read_bytes())


def serve_bare(port: int) -> None:
    """The bare server, with the settings of the real one."""
    from granian import Granian  # noqa: PLC0415

    from serving.__main__ import HOW_TO_SERVE  # noqa: PLC0415

    Granian("recommend_rps:bare", port=port, workers=1, **HOW_TO_SERVE).serve()


def in_process(home: Path, requests: int = 2_000, rounds: int = 5) -> None:
    """CPU microseconds per request, without any server: ASGI messages in, ASGI messages out."""
    from serving.app import create_app  # noqa: PLC0415
    from serving.settings import Settings  # noqa: PLC0415

    async def measured() -> None:
        out = sys.stdout
        with (home / "access.log").open("w") as log:
            sys.stdout = log
            real = create_app(Settings.from_environ({"RECSYS_HOME": str(home)}), {"RECSYS_HOME": str(home)})
            sys.stdout = out
            real.state.recommender.reloader.poll()
            body = (await one(real, asked_by(0)))[1]["body"]
            (home / "body.json").write_bytes(body)
            apps = {"bare": bare_app(body), "recommend": real}
            times: dict[str, list[float]] = {name: [] for name in apps}
            for _ in range(rounds):
                for name, app in apps.items():
                    times[name].append(await cost_us(app, requests))
        typical = {name: statistics.median(found) for name, found in times.items()}
        print(f"answer: {len(body)} bytes, {len(json.loads(body)['items'])} items of {ITEMS}")
        print(
            f"in process, CPU us per request: bare {typical['bare']:.0f}, recommend {typical['recommend']:.0f} "
            f"(ratio {typical['bare'] / typical['recommend']:.2f})"
        )

    asyncio.run(measured())


async def cost_us(app: Any, requests: int) -> float:
    """CPU time of this process per request, in microseconds."""
    bodies = [asked_by(user % USERS) for user in range(requests)]
    begun = time.process_time()
    for body in bodies:
        await one(app, body)
    return (time.process_time() - begun) / requests * 1e6


async def one(app: Any, body: bytes) -> list[dict[str, Any]]:
    """The messages of one answer."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [
        (b"host", b"127.0.0.1:8000"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/recommend", "raw_path": b"/v1/recommend", "query_string": b"", "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


def over_http(home: Path, rounds: int, seconds: float) -> None:
    """Requests per second of both servers, in turns."""
    with server(home, bare_command) as bare_port, server(home, real_command) as port:
        ports = {"bare": bare_port, "recommend": port}
        for each in ports.values():
            asyncio.run(load(each, 1.0))
        found: dict[str, list[float]] = {name: [] for name in ports}
        for number in range(rounds):
            for name in sorted(ports, reverse=bool(number % 2)):
                found[name].append(asyncio.run(load(ports[name], seconds)))
            print(f"round {number + 1}: " + ", ".join(f"{name} {found[name][-1]:,.0f}/s" for name in ports))
    ratios = sorted(ours / theirs for ours, theirs in zip(found["recommend"], found["bare"], strict=True))
    print(
        f"over HTTP, 1 worker, {CONNECTIONS} connections: bare {statistics.median(found['bare']):,.0f}/s, "
        f"recommend {statistics.median(found['recommend']):,.0f}/s; "
        f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f}), aim >= 0.5"
    )


def bare_command(port: int) -> list[str]:
    return [sys.executable, str(Path(__file__)), "--bare", str(port)]


def real_command(port: int) -> list[str]:
    return [sys.executable, "-m", "serving", "--port", str(port), "--workers", "1"]


@contextmanager
def server(home: Path, command: Callable[[int], list[str]]) -> Iterator[int]:
    """A server process on a free port, ready; stopped afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {
        **os.environ,
        "RECSYS_HOME": str(home),
        "BENCH_BODY": str(home / "body.json"),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "benchmarks"))),
    }
    with (home / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(command(port), env=environ, stdout=log, stderr=log)
        try:
            wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until it answers a request with 200."""
    for _ in range(300):
        try:
            if asyncio.run(load(port, 0.01)) > 0:
                return
        except (OSError, AssertionError):
            time.sleep(0.1)
        if process.poll() is not None:
            raise SystemExit(f"the server on port {port} ended with {process.returncode}")
    raise SystemExit(f"the server on port {port} did not start")


class Client(asyncio.Protocol):
    """One connection that always has one request on its way."""

    def __init__(self, requests: list[bytes], done: asyncio.Future[None]) -> None:
        self.requests, self.done = requests, done
        self.answered = 0
        self.missing = 0
        self.stopping = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.ask()

    def ask(self) -> None:
        self.transport.write(self.requests[self.answered % len(self.requests)])

    def data_received(self, data: bytes) -> None:
        if not self.missing:
            assert data.startswith(b"HTTP/1.1 200"), data[:200]
            head, _, rest = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            self.missing = length - len(rest)
        else:
            self.missing -= len(data)
        if self.missing == 0:
            self.answered += 1
            if self.stopping:
                self.transport.close()
            else:
                self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def load(port: int, seconds: float) -> float:
    """Answers per second over all connections."""
    loop = asyncio.get_running_loop()
    clients = []
    for number in range(CONNECTIONS):
        done: asyncio.Future[None] = loop.create_future()
        client = Client([request(user) for user in range(number, USERS, CONNECTIONS)], done)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
        clients.append(client)
    begun = time.perf_counter()
    await asyncio.sleep(seconds)
    took, answered = time.perf_counter() - begun, sum(client.answered for client in clients)
    for client in clients:
        client.stopping = True
    await asyncio.wait([client.done for client in clients], timeout=10)
    return answered / took


def request(user: int) -> bytes:
    """A whole HTTP request."""
    body = asked_by(user)
    head = f"POST /v1/recommend HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


if __name__ == "__main__":
    main()
