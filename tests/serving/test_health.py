import pytest

from data_contracts.layout import pointer_key
from serving.routes.health import health
from serving.shelf import Shelf


def test_a_process_that_answers_is_alive(world):
    with world.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.head("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/readyz", "/health"])
def test_a_server_without_a_manifest_gets_no_traffic(world, path):
    with world.client() as client:
        answer = client.get(path)

    assert (answer.status_code, answer.json()) == (503, {"status": "down", "checks": {}})


@pytest.mark.parametrize("path", ["/readyz", "/health"])
def test_what_is_served_is_listed(shop, path):
    answer = shop.get(path)

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {
            "demo/cart": {"status": "ok", "generation": 1},
            "demo/home": {"status": "ok", "generation": 1},
        },
    }


def test_a_required_surface_that_is_missing_keeps_traffic_away(world):
    world.publish("a")

    with world.client(required_surfaces="demo/home,demo/pdp") as client:
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["demo/pdp"] == {"status": "down", "reason": "not_published"}
    assert answer.json()["checks"]["demo/home"]["status"] == "ok"


def test_a_broken_surface_beside_a_good_one_only_degrades(world):
    world.publish("a")
    world.store.replace(pointer_key("demo", "pdp"), b"nonsense", None)

    with world.client() as client:
        answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["demo/pdp"]["reason"] == "bad_schema"


def test_a_server_that_drains_gets_no_more_traffic():
    found = health(Shelf(), draining=True)

    assert (found.status, found.checks["draining"].status) == ("down", "down")


def test_version_tells_the_build(world):
    with world.client(git_sha="abc123", built_at="2026-03-02T00:00:00Z") as client:
        answer = client.get("/version")

    assert answer.status_code == 200
    assert answer.json().keys() == {"service", "version", "git_sha", "built_at", "engine_api"}
    assert (answer.json()["git_sha"], answer.json()["built_at"]) == ("abc123", "2026-03-02T00:00:00Z")
