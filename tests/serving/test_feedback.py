"""The ring closed: a real server shows, people act, and the pipeline credits what they did to what was shown."""

import json
from datetime import datetime, timedelta

import msgspec
import pytest

from data_contracts.records import Event, EventMeta
from recsys_pipelines.feedback.business import business
from recsys_pipelines.feedback.days import write_attributions, write_funnel
from recsys_pipelines.feedback.exposures import write_exposures
from recsys_pipelines.ingest import settle
from recsys_pipelines.workshop import Workshop

pytestmark = pytest.mark.slow
DOCUMENT = {
    "schema": "recsys.tenant/1",
    "tenant": "demo",
    "sources": {"items": [{"path": "items.csv"}], "events": [{"server_log": {}}]},
    "algorithms": {"popularity": {}},
    "ranking": {"weights": {"popularity": 1.0}},
    "surfaces": {"home": {}, "cart": {}},
}


@pytest.fixture
def workshop(world):
    """The pipeline of the server's installation; what servers land is the tenant's only source of events."""
    folder = world.home / "tenants" / "demo"
    folder.mkdir(parents=True)
    (folder / "tenant.json").write_text(json.dumps(DOCUMENT))
    (folder / "items.csv").write_text("item_id,title\na-00,Item\n")
    return Workshop(world.environ(tenants=world.home / "tenants"))


def event(name, type, place, *, minutes, user="u1", request=True, **more):
    """Something that happens to a place (its answer, and its item there), minutes after the answer."""
    answer, at = place
    item = answer["items"][at]
    meta = EventMeta(request_id=answer["meta"]["request_id"]) if request else EventMeta()
    ts = datetime.fromisoformat(answer["at"]) + timedelta(minutes=minutes)
    return Event(event_id=name, ts=ts, type=type, user_id=user, item_id=item["item_id"], meta=meta, **more)


def test_what_people_did_is_credited_to_what_a_real_server_showed_them(world, workshop):
    world.publish("a")
    with world.server() as server:
        answers = [
            server.recommend(**asked)[1]
            for asked in ({}, {}, {"user": {"user_id": "u2"}}, {"user": {"anonymous_id": "x"}})
        ]
    logged = {each["request_id"]: each["ts"] for each in world.exposures()}
    first, second, third, strangers = ({**each, "at": logged[each["meta"]["request_id"]]} for each in answers)
    day = datetime.fromisoformat(first["at"]).date()
    minutes = 0.0001  # at once, so that midnight comes between only if it does so between the answers
    happened = [
        event("e1", "click", (first, 0), minutes=minutes),
        event("e2", "purchase", (first, 0), minutes=2 * minutes, request=False, amount_minor=2500),
        event("e3", "click", (second, 3), minutes=minutes),
        event("e4", "add", (second, 3), minutes=2 * minutes, request=False),
        event("e5", "click", (third, 1), minutes=minutes, user="u2"),
        event("e6", "purchase", (third, 5), minutes=minutes, user="u3", request=False, amount_minor=900),
    ]
    body = b"".join(msgspec.json.encode(each) + b"\n" for each in happened)
    workshop.landing.create(f"events/tenant=demo/date={day}/segment.jsonl", body)
    document = workshop.tenant("demo").document

    landing = workshop.land("demo")
    settle(document, workshop.lake, until=day)
    exposures = write_exposures(workshop.landing, workshop.lake, "demo", until=day)
    write_attributions(document, workshop.lake, until=day)
    write_funnel(workshop.lake, "demo")

    shown = workshop.lake.read("exposures", "demo", day)
    assert (landing.accepted, exposures.rows, exposures.rejected) == (1 + 6, 4 * 6, 0)
    assert shown.filter(request_id=first["meta"]["request_id"])["item_id"].to_list() == [
        item["item_id"] for item in first["items"]
    ]
    pseudonyms = workshop.pseudonyms("demo")
    assert set(shown["user"]) == {pseudonyms.of("u1"), pseudonyms.of("u2"), None}
    assert set(shown["anonymous"]) == {pseudonyms.of("x"), None}
    requests = [each["meta"]["request_id"] for each in (first, second, third, strangers)]
    credited = workshop.lake.read("attributions", "demo", day).sort("event_id")
    assert credited.select("event_id", "method", "request_id", "rank", "generation").rows() == [
        ("e1", "request", requests[0], 1, 1),
        ("e2", "touch", requests[0], 1, 1),
        ("e3", "request", requests[1], 4, 1),
        ("e4", "touch", requests[1], 4, 1),
        ("e5", "request", requests[2], 2, 1),
        ("e6", None, None, None, None),
    ]
    numbers = business(document, workshop.lake, day)
    assert numbers.today.drop("day").rows() == [
        ("home", 4, 24, 3, 3, 3 / 24, 1, 1 / 24, 1, 1 / 24, 2500, 2500 / 3),
    ]
    assert (numbers.joins.join_share, numbers.credited, numbers.outcomes) == (1.0, 5, 6)
