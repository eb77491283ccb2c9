"""One record per answer, in the file before the answer is out, without a person in it."""

import msgspec
import pytest

from data_contracts.pseudonym import Pseudonyms
from data_contracts.records import Exposure

SECRET = "sixteen-bytes-or-more"


@pytest.fixture
def served(world):
    """A world and a client of a server over it, whose pseudonyms can be recomputed."""
    world.publish("a")
    with world.client(pseudonym_secret=SECRET) as client:
        yield world, client


def recommend(client, **fields):
    asked = {"surface": "home", "k": 2, "user": {"user_id": "u1"}} | fields
    return client.post("/v1/recommend", json=asked, headers={"x-request-id": "r1"}).json()


def test_a_record_is_there_when_the_answer_is(served):
    world, client = served

    answer = recommend(client, options={"seed": 7})
    record = world.exposures()[0]

    assert len(world.exposures()) == 1
    assert record["schema"] == "recsys.exposure/2"
    assert (record["request_id"], record["tenant"], record["surface"], record["endpoint"]) == (
        "r1", "demo", "home", "recommend",
    )  # fmt: skip
    assert (record["manifest_generation"], record["algo_version"], record["config_version"]) == (
        answer["meta"]["manifest_generation"], answer["meta"]["algo_version"], answer["meta"]["config_version"],
    )  # fmt: skip
    assert record["items"] == [
        {name: item[name] for name in ("item_id", "rank", "score", "source")} for item in answer["items"]
    ]
    assert (record["seed"], record["counts"]) == (7, answer["meta"]["counts"])


def test_records_fulfil_their_contract(served):
    world, client = served

    recommend(client, context={"locale": "de", "attributes": {"page": "home"}, "now": "2026-03-02T00:00:00Z"})
    client.post("/v1/similar", json={"surface": "home", "item_id": "a-03"})
    client.get("/recs/u1")
    client.get("/recommendations?userId=u1")
    client.get("/items/a-03/similar")

    assert len(world.exposures()) == 5
    for record in world.exposures():
        msgspec.convert(record, Exposure)


def test_people_are_pseudonyms_of_their_tenant(served):
    world, client = served
    user = {"user_id": "somebody", "anonymous_id": "device", "session_id": "visit"}

    recommend(client, user=user)

    pseudonyms = Pseudonyms(SECRET.encode(), "demo")
    assert world.exposures()[0]["subject"] == {
        "user": pseudonyms.of("somebody"),
        "anonymous": pseudonyms.of("device"),
        "session": pseudonyms.of("visit"),
        "key_id": pseudonyms.key_id,
    }


@pytest.mark.parametrize("consent", ["limited", "none"])
def test_without_consent_nobody_is_named(served, consent):
    world, client = served

    recommend(client, consent=consent)
    record = world.exposures()[0]

    assert record.get("subject", {}) == {}
    assert (record["consent"], record["warnings"][-1]) == (consent, "CONSENT_LIMITED")


def test_the_context_is_kept_as_texts(served):
    world, client = served

    recommend(client, context={"locale": "de-AT", "page_item_id": "a-01", "attributes": {"campaign": "spring"}})

    assert world.exposures()[0]["context"] == {
        "locale": "de-AT",
        "page_item_id": "a-01",
        "attributes.campaign": "spring",
    }


def test_the_time_is_the_servers_whatever_the_request_calls_now(served):
    world, client = served

    recommend(client, context={"now": "2001-01-01T00:00:00Z"})
    record = world.exposures()[0]

    assert not record["ts"].startswith("2001")
    assert record["context"]["now"] == "2001-01-01T00:00:00+00:00"


def test_an_empty_answer_is_recorded_too(served):
    world, client = served

    recommend(client, constraints={"include_tags_all": ["x"]})
    record = world.exposures()[0]

    assert record.get("items", []) == []
    assert (record["fallback_level"], record["counts"]["returned"]) == (7, 0)


def test_what_is_not_answered_is_not_recorded(served):
    world, client = served

    client.post("/v1/recommend", json={"surface": "home"})
    client.post("/v1/recommend/validate", json={"surface": "home", "user": {"user_id": "u1"}})
    client.get("/recs/u1?type=magic")

    assert world.exposures() == []


def test_at_the_end_everything_is_in_the_landing_area(world):
    world.publish("a")
    with world.client() as client:
        recommend(client)

    landed = list(world.landing.glob("exposures/tenant=demo/date=*/*.jsonl"))
    assert len(landed) == 1
    assert len(world.exposures()) == 1


def test_a_record_that_cannot_be_written_is_counted_logged_once_and_the_answer_goes_out(world, capsysbinary):
    world.publish("a")
    (world.home / "spool").write_text("a file where a folder should be")

    with world.client() as client:
        answers = [recommend(client) for _ in range(3)]
        found = client.get("/metrics").text

    assert [len(answer["items"]) for answer in answers] == [2, 2, 2]
    assert 'recsys_exposure_dropped_total{reason="write_failed"} 3.0' in found
    assert capsysbinary.readouterr().out.count(b'"event":"exposure_dropped"') == 1
    assert "recsys_exposure_records_total 0.0" in found


def test_a_landing_area_that_does_not_answer_is_counted_and_loses_nothing(world):
    world.publish("a")
    world.landing.write_text("a file where a folder should be")

    with world.client(exposure_segment_s="0.05") as client:
        recommend(client)
        while "recsys_exposure_landing_failures_total 0.0" in client.get("/metrics").text:
            pass
    world.landing.unlink()

    assert len(world.exposures()) == 1


def test_servers_of_one_home_share_a_secret_that_is_for_the_owner_only(world):
    world.publish("a")
    for _ in range(2):
        with world.client() as client:
            recommend(client)

    assert (world.home / "pseudonym.secret").stat().st_mode & 0o777 == 0o600
    assert len({record["subject"]["user"] for record in world.exposures()}) == 1
