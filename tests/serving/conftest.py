"""A small shop, published by the real publisher, and servers over it: in this process and as real processes."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from litestar.testing import TestClient

from data_contracts.directory import DirectoryBlobs
from data_contracts.generations import read_manifest
from data_contracts.manifest import Lineage, Window
from recsys_algo.encode import encode_catalog, encode_segments, encode_table, load_items
from recsys_pipelines import releases
from recsys_pipelines.publish import Candidate, publish
from serving.app import create_app
from serving.settings import Settings

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
COUNT = 24
RANKING = {
    "weights": {"popularity": 1.0, "cooccurrence": 10.0, "als": 100.0},
    "exclude_seen": {"types": ["purchase"], "days": 30},
    "k": 6,
}


def document(tenant, surfaces, ranking):
    return {
        "schema": "recsys.tenant/1",
        "tenant": tenant,
        "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events.csv"}]},
        "algorithms": {"popularity": {}, "cooccurrence": {}, "als": {}},
        "ranking": ranking,
        "surfaces": surfaces,
    }


def catalog(ids):
    """Even items are of brand acme, odd ones of bolt; item 5 is sold out; 20 and 21 are variants of 20."""
    return {
        "item_id": ids,
        "title": [f"Item {number}" for number in range(len(ids))],
        "brand": ["acme" if number % 2 == 0 else "bolt" for number in range(len(ids))],
        "category": ["audio" if number < len(ids) // 2 else "video" for number in range(len(ids))],
        "price_minor": [100 * (number + 1) for number in range(len(ids))],
        "currency": ["EUR"] * len(ids),
        "available": [number != 5 for number in range(len(ids))],
        "parent_id": [ids[20] if number in {20, 21} else None for number in range(len(ids))],
        "created_at": [NOW - timedelta(days=number) for number in range(len(ids))],
        "tags": [["sale"] if number % 3 == 0 else [] for number in range(len(ids))],
    }


def encoded(folder, mark, segmented=False):
    """Items `{mark}-00`... by falling popularity; each goes with the next two; u1 is given the last ones.

    If ``segmented``, VIPs, gold customers and Germans have lists that begin with items 8, 10 and 12, and cold is a VIP.
    """
    ids = [f"{mark}-{number:02}" for number in range(COUNT)]
    artifacts = [encode_catalog(catalog(ids), folder)]
    items = load_items(folder)
    pairs = [(ids[at], ids[(at + step) % COUNT], 1.0 / step) for at in range(COUNT) for step in (1, 2)]
    own = [("u1", ids[COUNT - 1 - place], 9.0 - place) for place in range(3)]
    bought = [("u1", ids[0], NOW.timestamp() // 86_400 - 1)]
    lists = {"": ids} | ({name: ids[first:] for name, first in FIRST.items()} if segmented else {})
    popular = [(name, id, float(COUNT - at)) for name, listed in lists.items() for at, id in enumerate(listed)]
    if segmented:
        of_traits = [*FIRST][1:]
        artifacts.append(encode_segments(["cold"], ["vip"], folder, traits=("loyalty", "locale"), lists=of_traits))
    return [
        *artifacts,
        _table("popularity", "item_scores", popular, items, folder),
        _table("cooccurrence", "item_neighbors", pairs, items, folder),
        _table("als", "user_items", own, items, folder),
        _table("history", "user_items", [("u1", ids[0], 1.0)], items, folder),
        _table("seen.purchase", "user_items", bought, items, folder),
    ]


FIRST = {"vip": 8, "loyalty=gold": 10, "locale=de": 12}
COLUMNS = {
    "item_scores": ("segment", "item_id", "score"),
    "item_neighbors": ("item_id", "neighbor_id", "score"),
    "user_items": ("user_id", "item_id", "score"),
}


def _table(name, shape, rows, items, folder):
    columns = dict(zip(COLUMNS[shape], map(list, zip(*rows, strict=True)), strict=True))
    return encode_table(name, name, shape, columns, items, folder)


class World:
    """One installation in a folder."""

    now = NOW
    count = COUNT

    def __init__(self, home, template=None):
        self.home = home
        self.template = template
        self.store = DirectoryBlobs(home / "store")
        self.landing = home / "landing"
        self.published = 0

    def publish(
        self, mark="a", *, tenant="demo", surface="home", surfaces=None, ranking=None, signing=None, segmented=False
    ):
        """Publish a generation whose item ids all begin with `mark`."""
        self.published += 1
        told = (mark, tenant, surface, surfaces, ranking, signing, segmented)
        usual = told == ("a", "demo", "home", None, None, None, False)
        if self.template and self.published == 1 and usual:  # the same release, without the time that it takes
            shutil.copytree(self.template / "store", self.home / "store")
            return read_manifest(self.store, tenant, surface, 1)
        window = Window(NOW - timedelta(days=90), NOW + timedelta(seconds=self.published))
        candidate = Candidate(
            tenant=tenant,
            surface=surface,
            window=window,
            document=json.dumps(
                document(tenant, surfaces or {"home": {}, "cart": {"k": 3}}, ranking or RANKING)
            ).encode(),
            artifacts=encoded(self.home / "arrays" / f"{mark}", mark, segmented),
            evaluated=[],
            lineage=Lineage(data_fingerprint="data", config_hash="config"),
            decision="promoted",
            allow_older=True,
        )
        return publish(candidate, self.store, now=NOW, by="test", keep=20, signing=signing).manifest

    def rollback(self, to, *, tenant="demo", surface="home"):
        return releases.rollback(self.store, tenant, surface, to, now=NOW, by="test", reason="test")

    def environ(self, **changes):
        own = {"RECSYS_HOME": str(self.home), "RECSYS_RELOAD_EVERY_S": "0.1", "RECSYS_EXPOSURE_SEGMENT_S": "3600"}
        return own | {f"RECSYS_{name.upper()}": str(value) for name, value in changes.items()}

    def app(self, **changes):
        environ = self.environ(**changes)
        return create_app(Settings.from_environ(environ), environ)

    @contextmanager
    def client(self, **changes):
        """A client of a server in this process, which has polled once."""
        with TestClient(self.app(**changes), raise_server_exceptions=False) as client:
            yield client

    def exposures(self):
        """Every record, landed or not."""
        files = [*self.home.glob("spool/exposures/**/*.jsonl"), *self.landing.glob("exposures/**/*.jsonl")]
        return [json.loads(line) for path in sorted(files) for line in path.read_bytes().splitlines()]

    @contextmanager
    def server(self, workers=2, **changes):
        """A real server process with that many workers; it is ready when this returns."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "serving", "--port", str(port), "--workers", str(workers)]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
        log = (self.home / "server.log").open("ab")
        with subprocess.Popen(command, env=environ | self.environ(**changes), stdout=log, stderr=log) as process:
            running = Running(self, process, port)
            try:
                running.wait_for(lambda: running.get("/healthz")[0] == 200, 60)
                running.wait_for_workers(workers)
                yield running
            finally:
                running.stop()
                log.close()


class Running:
    """A real server."""

    def __init__(self, world, process, port):
        self.world, self.process, self.port = world, process, port

    def request(self, method, path, body=None, *, headers=None, connection=None):
        """Status, headers and body of one answer; on a connection of its own unless one is given."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            content = None if body is None else json.dumps(body)
            own.request(method, path, content, {"content-type": "application/json"} | (headers or {}))
            answer = own.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            if connection is None:
                own.close()

    def get(self, path, **options):
        """Status and body; status 0 if nobody listens."""
        try:
            status, _, body = self.request("GET", path, **options)
        except OSError:
            return 0, b""
        return status, body

    def recommend(self, connection=None, **changes):
        asked = {"surface": "home", "user": {"user_id": "u1"}} | changes
        status, _, body = self.request("POST", "/v1/recommend", asked, connection=connection)
        return status, json.loads(body)

    def wait_for(self, condition, seconds=20):
        """Until the condition holds."""
        until = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(self.log()[-4000:].decode())
            time.sleep(0.05)

    def workers(self):
        """The process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def log(self):
        """What the server and its workers wrote."""
        return (self.world.home / "server.log").read_bytes()

    def wait_for_workers(self, started):
        """Until so many workers have begun to listen since the start, dead ones counted."""
        self.wait_for(lambda: self.log().count(b"Started worker-") >= started, 40)

    def stop(self):
        """Ask it to end, and see that it does; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A folder with the first release of most tests."""
    home = tmp_path_factory.mktemp("published")
    World(home).publish("a")
    return home


@pytest.fixture
def world(tmp_path, published):
    return World(tmp_path, published)


@pytest.fixture(scope="session")
def world_in():
    """Makes an empty installation in a folder, for those who share one among tests."""
    return World


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A client of a server over one published generation; for tests that change nothing."""
    world = World(tmp_path_factory.mktemp("shop"))
    world.publish("a")
    world.publish("a", surface="cart")
    with world.client() as client:
        client.world = world
        yield client


@pytest.fixture(scope="module")
def ask(shop):
    """What `/v1/recommend` answers at the shop's own time: the status and the body."""

    def asked(**fields):
        asked = {"surface": "home", "user": {"user_id": "u1"}, "context": {"now": NOW.isoformat()}} | fields
        answer = shop.post("/v1/recommend", json=asked)
        return answer.status_code, answer.json()

    return asked
