from datetime import UTC, datetime

import pytest

from data_contracts.pseudonym import Pseudonyms, secret_at
from data_contracts.tombstones import engrave, tombstones_key

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)


@pytest.fixture
def world(world):
    """The shop with its first release."""
    world.publish("a")
    return world


def pseudonyms(world, tenant="demo"):
    return Pseudonyms(secret_at(world.home / "pseudonym.secret"), tenant)


def forget(world, *ids, tenant="demo"):
    of = pseudonyms(world, tenant).of
    engrave(world.store, tenant, of(ids[0]), {of(id) for id in ids}, now=NOW, key_id="k")


def ask(client, **user):
    body = {"surface": "home", "user": user, "context": {"now": NOW.isoformat()}}
    return client.post("/v1/recommend", json=body).json()


def items(answer):
    return [item["item_id"] for item in answer["items"]]


def test_a_forgotten_user_is_answered_and_recorded_as_a_stranger(world):
    forget(world, "u1")

    with world.client() as client:
        known, stranger = ask(client, user_id="u1", session_id="s1"), ask(client, user_id="nobody")

    assert items(known) == items(stranger)
    first, second = world.exposures()
    assert first.get("subject", {}) == {}
    assert second["subject"]["user"] == pseudonyms(world).of("nobody")


@pytest.mark.parametrize("field", ["user_id", "anonymous_id", "session_id"])
def test_any_of_a_persons_ids_makes_a_stranger_of_them(world, field):
    forget(world, "u1", "cookie")

    with world.client() as client:
        ask(client, **{"user_id": "u2", field: "cookie"})

    (exposure,) = world.exposures()
    assert exposure.get("subject", {}) == {}


def test_a_user_of_another_tenant_with_the_same_id_stays_known(world):
    world.publish("b", tenant="other")
    forget(world, "u1", tenant="other")

    with world.client(default_tenant="demo") as client:
        before = ask(client, user_id="u1")

    assert items(before)[0] == "a-23"  # from a list of their own


def test_similar_items_know_nothing_of_a_forgotten_user_either(world):
    forget(world, "u1")

    with world.client() as client:
        client.post("/v1/similar", json={"surface": "home", "item_id": "a-03", "user": {"user_id": "u1"}})

    assert world.exposures()[0].get("subject", {}) == {}


def test_while_tombstones_cannot_be_read_nothing_new_is_loaded(world):
    world.store.create(tombstones_key("demo"), b"broken")

    with world.client() as client:
        ready, answer = (
            client.get("/readyz"),
            client.post("/v1/recommend", json={"surface": "home", "user": {"user_id": "u1"}}),
        )

    assert (ready.status_code, answer.status_code) == (503, 503)


def test_what_was_known_stays_when_tombstones_can_no_longer_be_read(world):
    forget(world, "u1")

    with world.client() as client:
        poll = client.app.state.recommender.reloader.poll
        (world.home / "store" / tombstones_key("demo")).write_bytes(b"broken")
        poll()
        known, stranger = ask(client, user_id="u1"), ask(client, user_id="nobody")

    assert items(known) == items(stranger)


@pytest.mark.slow
def test_a_running_server_forgets_without_a_restart(world):
    with world.server(workers=2) as server:
        known = items(server.recommend()[1])
        forget(world, "u1")
        server.wait_for(lambda: all(items(server.recommend()[1]) != known for _ in range(8)), 30)  # both workers
        stranger = items(server.recommend(user={"user_id": "nobody"})[1])
        answer = server.recommend()[1]

    [exposed] = [each for each in world.exposures() if each["request_id"] == answer["meta"]["request_id"]]
    assert items(answer) == stranger
    assert exposed.get("subject", {}) == {}
