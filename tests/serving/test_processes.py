"""Real servers with two workers: reloads, deaths, counts and the end, under load."""

import http.client
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from data_contracts.layout import pointer_key

pytestmark = pytest.mark.slow
CLIENTS = 4


class Load:
    """Clients that ask without a pause, each on a connection of its own, until told to stop."""

    def __init__(self, server):
        self.server = server
        self.stopped = threading.Event()
        self.answers = []
        self.failures = []

    def __enter__(self):
        self.pool = ThreadPoolExecutor(CLIENTS)
        self.running = [self.pool.submit(self.ask) for _ in range(CLIENTS)]
        return self

    def __exit__(self, *error):
        self.stopped.set()
        for client in self.running:
            client.result()
        self.pool.shutdown()

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        while not self.stopped.is_set():
            try:
                status, body = self.server.recommend(connection)
            except OSError as error:
                self.failures.append(error)
                connection.close()
                continue
            (self.answers if status == 200 else self.failures).append(body)
        connection.close()

    def seen(self):
        """The generations that were answered from so far."""
        return {body["meta"]["manifest_generation"] for body in list(self.answers)}


def generation_of_worker(server):
    return server.recommend()[1]["meta"].get("manifest_generation")


def test_generations_come_and_go_under_load_and_no_answer_mixes_two(world):
    marks = {1: "a", 2: "b", 3: "c", 4: "d"}
    world.publish("a")
    with world.server(access_log="off") as server, Load(server) as load:
        server.wait_for(lambda: load.seen() == {1})
        for generation in (2, 3, 4):
            world.publish(marks[generation])
            server.wait_for(lambda new=generation: new in load.seen())
        for generation in (2, 4, 1):
            world.rollback(generation)
            before = len(load.answers)
            server.wait_for(lambda to=generation, since=before: {
                body["meta"]["manifest_generation"] for body in load.answers[-50:]
            } == {to} and len(load.answers) > since + 100)  # fmt: skip

    assert load.failures == []
    assert len(load.answers) > 500
    for body in load.answers:
        mark = marks[body["meta"]["manifest_generation"]]
        assert {item["item_id"].partition("-")[0] for item in body["items"]} == {mark}
        assert body["meta"]["config_version"]


def test_a_worker_killed_while_it_reloads_is_replaced_and_loses_nothing(world):
    world.publish("a")
    with world.server(access_log="off") as server:
        server.wait_for_workers(2)
        world.publish("b")
        os.kill(server.workers()[0], signal.SIGKILL)
        server.wait_for_workers(3)
        server.wait_for(lambda: generation_of_worker(server) == 2)
        answers = [server.recommend() for _ in range(40)]

    assert {status for status, _ in answers} == {200}
    assert {body["meta"]["manifest_generation"] for _, body in answers} == {2}


def test_killing_a_worker_loses_no_exposure_of_what_was_answered(world):
    world.publish("a")
    with world.server(access_log="off") as server:
        server.wait_for_workers(2)
        with Load(server) as load:
            server.wait_for(lambda: len(load.answers) > 200)
            os.kill(server.workers()[0], signal.SIGKILL)
            server.wait_for_workers(3)
            answered = len(load.answers)
            server.wait_for(lambda: len(load.answers) > answered + 100)
        recorded = {record["request_id"] for record in world.exposures()}

    assert {body["meta"]["request_id"] for body in load.answers} <= recorded
    landed = [record["request_id"] for record in world.exposures()]
    assert len(landed) == len(set(landed))
    assert list(world.home.glob("spool/exposures/**/*.jsonl")) == []


def total(metrics, name):
    """The sum of a counter over all its labels."""
    lines = [line for line in metrics.decode().splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_counts_are_right_whichever_worker_is_asked(world):
    world.publish("a")
    with world.server() as server:
        answered = 0
        while len(server.workers()) < 2 or answered < 60:
            answered += server.recommend()[0] == 200
        name = "recsys_recommendation_requests_total"
        server.wait_for(lambda: total(server.get("/metrics")[1], name) == answered)
        scrapes = [server.get("/metrics")[1] for _ in range(10)]

    assert {total(scrape, name) for scrape in scrapes} == {answered}
    assert {total(scrape, "recsys_exposure_records_total") for scrape in scrapes} == {answered}
    assert all(b'recsys_generation{surface="home",tenant="demo"} 1.0' in scrape for scrape in scrapes)


def test_both_workers_follow_the_store(world):
    loaded = b'"event":"generation_loaded"'
    world.publish("a")
    with world.server() as server:
        server.wait_for(lambda: server.log().count(loaded) == 2)
        world.publish("b")
        server.wait_for(lambda: server.log().count(loaded) == 4)


def test_a_server_starts_without_a_store_and_picks_up_the_first_manifest(world):
    with world.server() as server:
        before = server.get("/readyz")[0], server.recommend()[0], server.get("/healthz")[0]
        world.publish("a")
        server.wait_for(lambda: all(server.get("/readyz")[0] == 200 for _ in range(10)))
        after = server.recommend()[0]

    assert before == (503, 503, 200)
    assert after == 200


def test_a_broken_publication_degrades_and_goes_on(world):
    world.publish("a")
    with world.server() as server:
        server.wait_for(lambda: all(server.get("/readyz")[0] == 200 for _ in range(10)))
        tag = world.store.read_tagged(pointer_key("demo", "home")).tag
        world.store.replace(pointer_key("demo", "home"), b"nonsense", tag)
        server.wait_for(lambda: all(b'"degraded"' in server.get("/readyz")[1] for _ in range(10)))
        answers = [server.recommend() for _ in range(20)]
        ready = {server.get("/readyz")[0] for _ in range(10)}

    assert {status for status, _ in answers} == {200}
    assert ready == {200}


def test_on_sigterm_the_server_says_not_ready_goes_on_answering_and_ends(world):
    world.publish("a")
    with world.server(drain_s=2) as server:
        server.wait_for(lambda: all(server.get("/readyz")[0] == 200 for _ in range(10)))
        server.process.send_signal(signal.SIGTERM)
        server.wait_for(lambda: server.get("/readyz")[0] == 503, 5)
        still = {server.recommend()[0] for _ in range(10)}
        began = time.monotonic()
        code = server.process.wait(20)

    assert still == {200}
    assert code == 0
    assert time.monotonic() - began < 15
    assert not list(world.home.glob("run/*"))
    assert len(world.exposures()) == 10


def test_a_second_sigterm_ends_the_server_at_once(world):
    world.publish("a")
    with world.server(drain_s=60) as server:
        server.process.send_signal(signal.SIGTERM)
        server.wait_for(lambda: server.get("/readyz")[0] == 503, 5)
        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(20) == 0


def test_requests_on_their_way_are_answered_when_the_server_ends(world):
    world.publish("a")
    with world.server(drain_s=1) as server, Load(server) as load:
        server.wait_for(lambda: len(load.answers) > 50)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.8)
        load.stopped.set()

    assert load.failures == []


def test_the_only_thing_it_listens_on_is_loopback(world):
    with world.server() as server:
        hexadecimal = f"{server.port:04X}"
        with open("/proc/net/tcp") as table:  # noqa: PTH123
            addresses = {line.split()[1] for line in table if line.split()[1].endswith(f":{hexadecimal}")}

    assert addresses == {f"0100007F:{hexadecimal}"}
