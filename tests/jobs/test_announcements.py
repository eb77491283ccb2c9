"""Who wants to know is told of trainings and releases; who asks for a run gets one."""

import json
import threading
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from assets.partitions import RANGE_END, RANGE_START
from data_contracts.open import open_blobs
from data_contracts.training_records import TrainingRequest
from recsys_pipelines.requests import ask, asked

pytestmark = pytest.mark.slow


@pytest.fixture
def hook():
    """A URL, and the events that were posted to it."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", got
        server.shutdown()


def changed(installation, **fields):
    path = installation.tenants / "clean" / "tenant.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_a_run_tells_that_it_trained_and_what_it_released(installation, hook, monkeypatch):
    installation.published("dirty/clean")
    url, got = hook
    monkeypatch.setenv("HOOK", url)
    changed(installation, notify={"webhooks": [{"url": "${HOOK}"}]})

    code = installation.recsys("run", "daily", "--tenant", "clean")

    first, second = got[:3], got[3:]  # what waited from the first run, then that of this one
    assert code == 0
    assert [each["type"] for each in first] == [
        "ModelTrainingStarted", "RecommendationsRefreshed", "ModelTrainingCompleted",
    ]  # fmt: skip
    assert first[2]["data"]["ending"] == "released"
    assert first[2]["data"]["generations"] == {"home": 1}
    assert first[0]["data"]["run_id"] == first[2]["data"]["run_id"] != second[0]["data"]["run_id"]
    assert second[-1]["data"]["ending"] == "released"  # the document changed, and with it what is served
    assert 'recsys_training_runs{ending="released",tenant="clean"} 2.0' in (
        (installation.home / "reports" / "clean" / "training.prom").read_text()
    )
    assert installation.json("outbox", "show", "--tenant", "clean") == []


def test_a_receiver_that_is_down_fails_no_run_and_is_named(installation):
    installation.published("dirty/clean")
    changed(installation, notify={"webhooks": [{"url": "http://127.0.0.1:9/"}]})
    installation.capture.readouterr()

    code = installation.recsys("outbox", "deliver", "--tenant", "clean")

    said = installation.capture.readouterr().out
    assert code == 1
    assert "3 waiting: http://127.0.0.1:9/ cannot be reached" in said
    assert len(installation.json("outbox", "show", "--tenant", "clean")) == 3


def test_a_variable_that_is_not_set_fails_no_run_and_is_named(installation):
    installation.published("dirty/clean")
    changed(installation, notify={"webhooks": [{"url": "http://127.0.0.1:9/", "secret": "${HOOK_SECRET}"}]})

    code = installation.recsys("run", "daily", "--tenant", "clean")

    said = installation.capture.readouterr().err
    assert code == 0
    assert "needs the environment variable HOOK_SECRET" in said
    assert len(installation.json("outbox", "show", "--tenant", "clean")) == 6


def test_what_is_asked_for_becomes_a_run_and_is_then_gone(installation, tmp_path):
    installation.copy_of("dirty/clean")
    from jobs.definitions import defs  # noqa: PLC0415  (reads the environment)

    answer = installation.json(
        "train", "--tenant", "clean", "--from", "2026-01-03", "--to", "2026-01-05", "--request-id", "r1"
    )
    again = installation.json("train", "--tenant", "clean", "--request-id", "r1")
    store = open_blobs(str(installation.home / "store"), {})
    sensor, graph = defs.resolve_sensor_def("training_requests"), defs.get_repository_def()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        (request,) = sensor.evaluate_tick(dg.build_sensor_context(instance, repository_def=graph)).run_requests
        left = asked(store, "clean")
        instance.create_run_for_job(defs.resolve_job_def("daily"), tags={"dagster/run_key": request.run_key})
        second = sensor.evaluate_tick(dg.build_sensor_context(instance, repository_def=graph)).run_requests

    assert (answer, again) == ({"request_id": "r1", "accepted": True}, {"request_id": "r1", "accepted": False})
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("clean|2026-01-03", "clean|2026-01-05")
    assert [each.first for each in left] == [date(2026, 1, 3)]  # until its run is there
    assert (second, asked(store, "clean")) == ([], [])


def test_requests_of_one_tenant_are_not_seen_by_another(installation):
    store = open_blobs(str(installation.home / "store"), {})
    at = datetime(2026, 2, 1, tzinfo=UTC)

    new = ask(store, TrainingRequest(tenant="demo", request_id="r1", at=at, by="ana"))

    assert new
    assert asked(store, "other") == []
