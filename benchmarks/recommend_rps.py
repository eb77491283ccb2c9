"""``POST /v1/recommend`` over a bare Litestar endpoint that returns the same bytes, in requests per second.

Both servers run with one worker and the same granian settings; the load comes from this process over loopback, in
turns, so that what else the machine does hits both. The recommending server does all its work: it ranks, writes the
exposure log, counts, and writes an access log (to a file). Two kinds of traffic:

- `anew`: every request is by another known user, and the server remembers no list: each is ranked.
- `visits`: half of the requests are by strangers, half by known users who come back (Zipf); settings as they are.

The aim is 0.5. In process, CPU time per request is measured without any server.
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
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._load import answers_per_second, post
from benchmarks._shop import ITEMS, USERS, publish_shop

ROOT = Path(__file__).parents[1]

CONNECTIONS = 16
ANEW = {"RECSYS_ANSWERS_KEPT_MB": "0"}


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
        publish_shop(home)
        in_process(home)
        over_http(home, asked.rounds, asked.seconds)


def asked_by(user: int | str) -> bytes:
    """The body that this user sends."""
    return json.dumps({"surface": "home", "k": 20, "user": {"user_id": f"user-{user:05}"}}).encode()


def everybody() -> list[bytes]:
    """Each known user once."""
    return [asked_by(user) for user in range(USERS)]


def visits(count: int = 20_000) -> list[bytes]:
    """Half of them by strangers, half by known users of whom some come often (Zipf)."""
    rng = np.random.default_rng(11)
    users = (rng.zipf(1.2, count) - 1) % USERS
    return [
        asked_by(f"stranger-{n}" if stranger else int(users[n])) for n, stranger in enumerate(rng.random(count) < 0.5)
    ]


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

    Granian("benchmarks.recommend_rps:bare", port=port, workers=1, **HOW_TO_SERVE).serve()


def in_process(home: Path, rounds: int = 5) -> None:
    """CPU microseconds per request, without any server: ASGI messages in, ASGI messages out."""
    with (home / "access.log").open("w") as log, redirect_stdout(log):
        apps = {"anew": (app(home, ANEW), everybody()[:2_000]), "visits": (app(home, {}), visits()[:5_000])}
    body = asyncio.run(one(apps["anew"][0], asked_by(0)))[1]["body"]
    (home / "body.json").write_bytes(body)
    print(f"answer: {len(body)} bytes, {len(json.loads(body)['items'])} items of {ITEMS}")
    apps = {"bare": (bare_app(body), everybody()[:2_000]), **apps}
    times: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(rounds):
        for name, (application, bodies) in apps.items():
            times[name].append(asyncio.run(cost_us(application, bodies)))
    typical = {name: statistics.median(found) for name, found in times.items()}
    print("in process, CPU us per request: " + ", ".join(f"{name} {us:.0f}" for name, us in typical.items()))


def app(home: Path, changes: dict[str, str]) -> Any:
    """The real application, with everything loaded."""
    from serving.app import create_app  # noqa: PLC0415
    from serving.settings import Settings  # noqa: PLC0415

    environ = {"RECSYS_HOME": str(home), **changes}
    made = create_app(Settings.from_environ(environ), environ)
    made.state.recommender.reloader.poll()
    return made


async def cost_us(application: Any, bodies: list[bytes]) -> float:
    """CPU time of this process per request, in microseconds."""
    begun = time.process_time()
    for body in bodies:
        await one(application, body)
    return (time.process_time() - begun) / len(bodies) * 1e6


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
    """Requests per second of all three, in turns."""
    everyone, visitors = _posts(everybody()), _posts(visits())
    with (
        server(home, [sys.executable, "-m", "benchmarks.recommend_rps", "--bare"], {}) as bare_port,
        server(home, [sys.executable, "-m", "serving", "--port"], ANEW) as anew_port,
        server(home, [sys.executable, "-m", "serving", "--port"], {}) as visits_port,
    ):
        asked = {"bare": (bare_port, everyone), "anew": (anew_port, everyone), "visits": (visits_port, visitors)}
        for port, requests in asked.values():
            rate(port, requests, 1.0)
        found: dict[str, list[float]] = {name: [] for name in asked}
        for number in range(rounds):
            for name in sorted(asked, reverse=bool(number % 2)):
                found[name].append(rate(*asked[name], seconds))
            print(f"round {number + 1}: " + ", ".join(f"{name} {found[name][-1]:,.0f}/s" for name in asked))
    for name in ("anew", "visits"):
        ratios = sorted(ours / theirs for ours, theirs in zip(found[name], found["bare"], strict=True))
        print(
            f"{name}: {statistics.median(found[name]):,.0f}/s over {statistics.median(found['bare']):,.0f}/s bare, "
            f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f}), aim >= 0.5"
        )


def _posts(bodies: list[bytes]) -> list[bytes]:
    return [post("/v1/recommend", body) for body in bodies]


def rate(port: int, requests: list[bytes], seconds: float) -> float:
    """Answers per second."""
    return asyncio.run(answers_per_second(port, requests, CONNECTIONS, seconds))


@contextmanager
def server(home: Path, command: list[str], changes: dict[str, str]) -> Iterator[int]:
    """A server process on a free port, ready; stopped afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**os.environ, "RECSYS_HOME": str(home), "BENCH_BODY": str(home / "body.json"), **changes}
    with (home / f"{port}.log").open("wb") as log:
        process = subprocess.Popen([*command, str(port)], env=environ, cwd=ROOT, stdout=log, stderr=log)
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
            if rate(port, _posts(everybody()[:CONNECTIONS]), 0.05) > 0:
                return
        except OSError:
            time.sleep(0.1)
        if process.poll() is not None:
            raise SystemExit(f"the server on port {port} ended with {process.returncode}")
    raise SystemExit(f"the server on port {port} did not start")


if __name__ == "__main__":
    main()
