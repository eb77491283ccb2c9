import os
import subprocess
import sys

import pytest

from serving.call import Call
from serving.metrics import Metrics


def samples(text):
    """Every series with its value."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def counted(*calls):
    metrics = Metrics()
    for call in calls:
        metrics.answered("recommend", call)
    return samples(metrics.render().decode())


def call(status=200, **facts):
    return Call("r1", 0.0, status=status, seconds=0.003, **facts)


def test_answers_are_counted_by_outcome_and_emptiness():
    found = counted(call(returned=3), call(returned=0, fallback_level=7), call(400), call(503), call(0))
    name = "recsys_recommendation_requests_total"

    assert found[f'{name}{{empty="false",endpoint="recommend",outcome="ok"}}'] == 1
    assert found[f'{name}{{empty="true",endpoint="recommend",outcome="ok"}}'] == 1
    assert found[f'{name}{{empty="false",endpoint="recommend",outcome="client_error"}}'] == 1
    assert found[f'{name}{{empty="false",endpoint="recommend",outcome="error"}}'] == 1
    assert found[f'{name}{{empty="false",endpoint="recommend",outcome="gone"}}'] == 1


def test_latency_falls_into_its_bucket():
    found = counted(call(returned=3))
    name = "recsys_recommendation_latency_seconds"

    assert found[f'{name}_bucket{{endpoint="recommend",le="0.0025",outcome="ok"}}'] == 0
    assert found[f'{name}_bucket{{endpoint="recommend",le="0.005",outcome="ok"}}'] == 1
    assert found[f'{name}_sum{{endpoint="recommend",outcome="ok"}}'] == pytest.approx(0.003)


def test_good_answers_tell_their_length_level_and_warnings():
    found = counted(call(returned=3, fallback_level=3, warnings=("FALLBACK_USED", "SHORT_LIST")), call(400))

    assert found['recsys_recommendation_returned_items_sum{endpoint="recommend"}'] == 3
    assert found['recsys_recommendation_returned_items_count{endpoint="recommend"}'] == 1
    assert found['recsys_fallback_total{level="3"}'] == 1
    assert found['recsys_recommendation_warnings_total{code="SHORT_LIST",endpoint="recommend"}'] == 1


def test_a_surface_tells_its_generation_and_age(shop):
    found = samples(shop.get("/metrics").text)

    assert found['recsys_generation{surface="home",tenant="demo"}'] == 1
    assert found['recsys_artifact_manifest_artifacts{surface="home",tenant="demo"}'] == 6
    assert found['recsys_artifact_manifest_age_seconds{surface="home",tenant="demo"}'] > 0
    assert found['recsys_artifact_loads_total{surface="home",tenant="demo"}'] == 1


def test_no_series_names_a_user_or_a_request(shop):
    shop.get("/recs/somebody-private", headers={"x-request-id": "request-private"})

    assert "private" not in shop.get("/metrics").text


def test_only_the_recommending_endpoints_are_counted_as_such(world):
    world.publish("a")
    with world.client() as client:
        for path in ("/healthz", "/recs/u1", "/nowhere", "/version"):
            client.get(path)
        found = samples(client.get("/metrics").text)

    requests = {name: value for name, value in found.items() if name.startswith("recsys_recommendation_requests_total")}
    assert requests == {'recsys_recommendation_requests_total{empty="false",endpoint="recommend",outcome="ok"}': 1}


WORKER = """
import sys
from serving.call import Call
from serving.metrics import Metrics
metrics = Metrics()
for _ in range(int(sys.argv[1])):
    metrics.answered("recommend", Call("r", 0.0, status=200, returned=2))
metrics.generation.labels("demo", "home").set(int(sys.argv[2]))
print(metrics.render().decode())
"""


def test_processes_add_up_and_a_dead_one_leaves_its_counts_but_not_its_gauges(tmp_path):
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def worker(answers, generation):
        command = [sys.executable, "-c", WORKER, str(answers), str(generation)]
        return samples(subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout)

    worker(2, 1)
    found = worker(3, 2)

    assert found['recsys_recommendation_requests_total{empty="false",endpoint="recommend",outcome="ok"}'] == 5
    assert found['recsys_recommendation_latency_seconds_count{endpoint="recommend",outcome="ok"}'] == 5
    assert found['recsys_generation{surface="home",tenant="demo"}'] == 2
