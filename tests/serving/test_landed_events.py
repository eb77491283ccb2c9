"""The other half of the ring: what a real server is sent becomes rows of the lake, whoever dies on the way, once."""

import json
import os
import signal
import threading
from datetime import UTC, datetime

import polars as pl
import pytest

from recsys_pipelines.ingest import settle
from recsys_pipelines.workshop import Workshop

pytestmark = pytest.mark.slow
DOCUMENT = {
    "schema": "recsys.tenant/1",
    "tenant": "demo",
    "sources": {"items": [{"path": "items.csv"}], "events": [{"server_log": {}}]},
    "algorithms": {"popularity": {}},
    "ranking": {"weights": {"popularity": 1.0}},
    "surfaces": {"home": {}},
}
EVENT = {"ts": "2026-03-02T01:00:00Z", "type": "view", "user_id": "u1", "item_id": "a-00"}
STRANGE = [
    {"a": {"b": [1, {"c": None}]}, "d": 1.5},
    {"a": "text where an object was", "d": True},
    {"surface": "home", "rank": 3, "a": 10**30, "é\u2028": '" \n'},
    {"session_id": "s1", "rank": 2**60},
]


def ingested(world):
    """The tenant's events in the lake after a run."""
    folder = world.home / "tenants" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tenant.json").write_text(json.dumps(DOCUMENT))
    (folder / "items.csv").write_text("item_id,title\na-00,Item\n")
    workshop = Workshop(world.environ(tenants=world.home / "tenants"))
    workshop.land("demo")
    settle(workshop.tenant("demo").document, workshop.lake, until=datetime.now(UTC).date())
    days = workshop.lake.days("events", "demo")
    return pl.concat([workshop.lake.read("events", "demo", day) for day in days])


class Sender(threading.Thread):
    """Sends events of its own one after the other, and again those that were not acknowledged."""

    def __init__(self, server, name, count):
        super().__init__()
        self.server, self.label, self.count, self.acknowledged = server, name, count, []

    def run(self):
        for number in range(self.count):
            while not self.sent(f"{self.label}-{number}"):
                pass

    def sent(self, id):
        try:
            status, _, _ = self.server.request("POST", "/v1/events:batch", {"events": [EVENT | {"event_id": id}]})
        except OSError:
            return False
        if status == 202:
            self.acknowledged.append(id)
        return status == 202


def test_a_killed_worker_loses_no_event_and_what_is_sent_twice_counts_once(world):
    world.publish("a")
    with world.server(workers=2, access_log="off") as server:
        senders = [Sender(server, name, 150) for name in ("left", "right")]
        for sender in senders:
            sender.start()
        server.wait_for(lambda: all(len(sender.acknowledged) > 50 for sender in senders))
        os.kill(server.workers()[0], signal.SIGKILL)
        for sender in senders:
            sender.join()
        server.wait_for_workers(3)
        known = [EVENT | {"event_id": f"left-{number}"} for number in range(150)]
        again = [server.request("POST", "/v1/events:batch", {"events": known})[0] for _ in range(4)]

    events = ingested(world)

    sent = {id for sender in senders for id in sender.acknowledged}
    assert len(sent) == 300
    assert again == [202] * 4
    assert sorted(events["event_id"]) == sorted(sent)
    assert events["received_at"].null_count() == 0
    assert list(world.home.glob("spool/events/**/*.jsonl")) == []


def test_whatever_meta_says_the_segment_is_read(world):
    world.publish("a")
    sent = [EVENT | {"event_id": f"e{number}", "meta": meta} for number, meta in enumerate(STRANGE)]
    with world.client() as client:
        answer = client.post("/v1/events:batch", json={"events": [*sent, EVENT | {"event_id": "e9"}]})

    events = ingested(world)

    assert answer.json()["accepted"] == 5
    assert sorted(events["event_id"]) == ["e0", "e1", "e2", "e3", "e9"]
    row = events.row(by_predicate=pl.col("event_id") == "e2", named=True)
    assert (row["surface"], row["rank"], json.loads(row["meta"])["é\u2028"]) == ("home", 3, STRANGE[2]["é\u2028"])


def test_levels_of_consent_are_those_of_the_pipeline(world):
    world.publish("a")
    told = {"session_id": "s1", "order_id": "o1", "meta": {"surface": "home", "request_id": "r1"}}
    levels = ("full", "limited", "none")
    with world.client() as client:
        client.post(
            "/v1/events:batch",
            json={"events": [EVENT | told | {"event_id": level, "consent": level} for level in levels]},
        )

    events = ingested(world)

    rows = {row["consent"]: row for row in events.iter_rows(named=True)}
    assert [rows[level]["user_id"] for level in levels] == ["u1", "u1", None]
    assert [rows[level]["flags"] for level in levels] == [None, "consent_limited", "consent_none"]
    assert [rows[level]["request_id"] for level in levels] == ["r1", None, None]
    assert {row["surface"] for row in rows.values()} == {"home"}
