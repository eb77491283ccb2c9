"""Events that clients send: what is stored, what is refused and where, and that nothing is acknowledged and lost."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from data_contracts.pseudonym import Pseudonyms, secret_at
from data_contracts.records import Event
from data_contracts.tombstones import engrave
from serving.events import Recent

BATCH, ALIAS = "/v1/events:batch", "/events"
VIEW = {"event_id": "e1", "ts": "2026-03-02T01:00:00Z", "type": "view", "user_id": "u1", "item_id": "a-01"}


def view(id, **changes):
    return VIEW | {"event_id": id} | changes


def send(client, *events, path=BATCH, **options):
    return client.post(path, json={"events": list(events)}, **options)


def stored(world, tenant="demo"):
    """Every event of a tenant, landed or not, as the pipeline reads it: strictly."""
    places = [world.home / "spool" / "events", world.landing / "events"]
    files = sorted(path for place in places for path in place.glob(f"tenant={tenant}/date=*/*.jsonl"))
    return [msgspec.json.decode(line, type=Event) for path in files for line in path.read_bytes().splitlines()]


def counts(client):
    name = "recsys_events_received_total"
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    return {line.partition("{")[2].partition("}")[0]: float(line.rpartition(" ")[2]) for line in lines}


@pytest.fixture
def served(world):
    world.publish("a")
    with world.client() as client:
        yield world, client


@pytest.fixture(scope="module")
def refusing(tmp_path_factory, world_in):
    """One server for all tests that store nothing."""
    world = world_in(tmp_path_factory.mktemp("refusing"))
    world.publish("a")
    with world.client() as client:
        yield world, client


def test_events_are_stored_before_the_answer_with_the_servers_own_time(served):
    world, client = served

    before = datetime.now(UTC)
    answer = send(client, VIEW, view("e2", type=3, amount_minor=250, order_id="o1", meta={"surface": "home", "x": [1]}))
    events = stored(world)

    assert answer.status_code == 202
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() | {"batch_id": ""} == {"accepted": 2, "duplicates": 0, "rejected": [], "batch_id": ""}
    assert [(e.event_id, e.type, e.ts.isoformat()) for e in events] == [
        ("e1", "view", "2026-03-02T01:00:00+00:00"),
        ("e2", "purchase", "2026-03-02T01:00:00+00:00"),
    ]
    assert (events[1].amount_minor, events[1].order_id, events[1].meta.surface) == (250, "o1", "home")
    assert all(before <= e.received_at <= datetime.now(UTC) for e in events)
    raw = b"".join(path.read_bytes() for path in world.home.glob("spool/events/**/*.jsonl"))
    assert (b'"x":[1]' in raw, raw.count(b"\n"), b"consent" in raw) == (True, 2, False)


def test_times_become_utc_and_ids_are_trimmed(served):
    world, client = served

    send(client, view(" e1 ", ts="2026-03-02T03:00:00+02:00", user_id=" u1"))

    assert [(e.event_id, e.user_id, e.ts) for e in stored(world)] == [("e1", "u1", datetime(2026, 3, 2, 1, tzinfo=UTC))]


def test_bad_events_are_named_by_index_and_pointer_and_the_others_are_stored(served):
    world, client = served

    answer = send(
        client, VIEW, view("e2", type="stare"), view("e3", user_id=None), 7, view("e5", colour="red"), view("e6"),
        {"event_id": "e7", "type": "view", "user_id": "u1"}, view("e8", meta={"rank": 0}), view("e9", item_id=" "),
    )  # fmt: skip

    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert [(each["index"], each["pointer"], each["code"]) for each in answer.json()["rejected"]] == [
        (1, "/events/1/type", "format"),
        (2, "/events/2/user_id", "missing"),
        (3, "/events/3", "type"),
        (4, "/events/4/colour", "unknown_field"),
        (6, "/events/6/ts", "missing"),
        (7, "/events/7/meta/rank", "range"),
        (8, "/events/8/item_id", "format"),
    ]
    assert all(each["detail"] for each in answer.json()["rejected"])
    assert [e.event_id for e in stored(world)] == ["e1", "e6"]


def test_with_no_valid_event_it_is_a_problem_and_nothing_is_stored(served):
    world, client = served

    answer = send(client, view("e1", ts="yesterday"), view("e2", value=-1))

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["code"] == "RECSYS_INVALID_REQUEST"
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        ("/events/0/ts", "format"),
        ("/events/1/value", "range"),
    ]
    assert stored(world) == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        pytest.param({"event_id": "x" * 257}, "/event_id", id="an id of 257 characters"),
        pytest.param({"event_id": ""}, "/event_id", id="an empty id"),
        pytest.param({"item_id": "a\nb"}, "/item_id", id="a line break in an id"),
        pytest.param({"type": 5}, "/type", id="no such number of a type"),
        pytest.param({"ts": "2026-03-02T01:00:00"}, "/ts", id="a time without an offset"),
        pytest.param({"ts": "0001-01-01T00:00:00+14:00"}, "/ts", id="a time before all calendars"),
        pytest.param({"amount_minor": 2**53 + 1}, "/amount_minor", id="more money than a number holds"),
        pytest.param({"amount_minor": 1.5}, "/amount_minor", id="half a cent"),
        pytest.param({"value": 1e16}, "/value", id="a value beyond all values"),
        pytest.param({"received_at": "2026-03-02T01:00:00Z"}, "/received_at", id="the server's own time"),
        pytest.param({"consent": "maybe"}, "/consent", id="no such consent"),
        pytest.param({"meta": {"x": "y" * 8_192}}, "/meta", id="more meta than is kept"),
        pytest.param({"meta": json.loads("[" * 17 + "]" * 17)}, "/meta", id="meta that is no object"),
        pytest.param({"meta": {"x": json.loads("[" * 17 + "]" * 17)}}, "/meta", id="meta without a bottom"),
        pytest.param({"meta": {"x": "a\u0000b"}}, "/meta", id="a control character in meta"),
        pytest.param({"meta": {"request_id": 1}}, "/meta/request_id", id="meta of another type"),
    ],
)
def test_limits_of_an_event(refusing, change, pointer):
    world, client = refusing

    answer = send(client, VIEW | change)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, f"/events/0{pointer}")
    assert stored(world) == []


@pytest.mark.parametrize(
    ("path", "content", "status", "code"),
    [
        pytest.param(BATCH, {"events": []}, 400, "RECSYS_INVALID_REQUEST", id="no events"),
        pytest.param(ALIAS, [], 400, "RECSYS_INVALID_REQUEST", id="none in a list"),
        pytest.param(BATCH, {"events": [VIEW] * 1_001}, 400, "RECSYS_INVALID_REQUEST", id="1001 events"),
        pytest.param(ALIAS, [VIEW] * 1_001, 400, "RECSYS_INVALID_REQUEST", id="1001 in a list"),
        pytest.param(BATCH, {"events": [VIEW], "x": 1}, 400, "RECSYS_INVALID_REQUEST", id="an unknown field"),
        pytest.param(BATCH, [VIEW], 400, "RECSYS_INVALID_REQUEST", id="a list"),
        pytest.param(BATCH, {"events": ["x" * 5_242_880]}, 413, "RECSYS_PAYLOAD_TOO_LARGE", id="more than 5 MiB"),
        pytest.param(ALIAS, ["x" * 5_242_880], 413, "RECSYS_PAYLOAD_TOO_LARGE", id="more than 5 MiB in a list"),
    ],
)
def test_limits_of_a_batch(refusing, path, content, status, code):
    world, client = refusing

    answer = client.post(path, json=content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert stored(world) == []


@pytest.mark.parametrize("path", [BATCH, ALIAS])
@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        pytest.param(
            {"content": b'{"events":' + b"[" * 200_000}, 400, "RECSYS_INVALID_JSON", id="a hole without a bottom"
        ),
        pytest.param({"content": b"{"}, 400, "RECSYS_INVALID_JSON", id="cut short"),
        pytest.param({"content": b"\xff"}, 400, "RECSYS_INVALID_JSON", id="no UTF-8"),
        pytest.param({"content": b""}, 400, "RECSYS_INVALID_REQUEST", id="nothing"),
        pytest.param({"headers": {"content-type": "text/csv"}}, 415, "RECSYS_UNSUPPORTED_MEDIA_TYPE", id="no JSON"),
        pytest.param({"headers": {"x-org-id": "acme"}}, 404, "RECSYS_TENANT_NOT_FOUND", id="no such tenant"),
        pytest.param({"headers": {"x-org-id": "../x"}}, 400, "RECSYS_INVALID_TENANT", id="what no tenant is called"),
    ],
)
def test_what_is_refused_whole(refusing, path, options, status, code):
    world, client = refusing
    headers = {"content-type": "application/json"} | options.get("headers", {})

    answer = client.post(path, content=options.get("content", json.dumps({"events": [VIEW]})), headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == code
    assert stored(world) == []


def test_a_full_batch_of_the_largest_events_is_taken(served):
    world, client = served
    large = [view(f"e{number}", meta={"x": "y" * 5_000}) for number in range(1_000)]

    answer = send(client, *large)

    assert (answer.status_code, answer.json()["accepted"]) == (202, 1_000)
    assert [e.event_id for e in stored(world)] == [f"e{number}" for number in range(1_000)]


def test_the_same_event_counts_once_in_a_batch_and_when_it_is_sent_again(served):
    world, client = served

    first = send(client, VIEW, view("e2"), view("e1", type="click"))
    again = send(client, view("e2"), view("e3"))
    only = send(client, view("e3"))

    answers = [(each.status_code, each.json()["accepted"], each.json()["duplicates"]) for each in (first, again, only)]
    assert answers == [(202, 2, 1), (202, 1, 1), (202, 0, 1)]
    assert [(e.event_id, e.type) for e in stored(world)] == [("e1", "view"), ("e2", "view"), ("e3", "view")]


def test_tenants_never_meet(world):
    world.publish("a")
    world.publish("a", tenant="other")

    with world.client() as client:
        answers = [send(client, VIEW, headers={"x-org-id": tenant}) for tenant in ("demo", "other")]
        nobody = send(client, VIEW)

    assert [answer.json()["accepted"] for answer in answers] == [1, 1]
    assert nobody.json()["code"] == "RECSYS_INVALID_TENANT"
    assert [len(stored(world, tenant)) for tenant in ("demo", "other")] == [1, 1]


@pytest.mark.parametrize("setting", [{"default_tenant": "demo"}, {"required_surfaces": "demo/home"}])
def test_a_tenant_that_the_deployment_names_may_send_before_it_is_published(world, setting):
    with world.client(**setting) as client:
        answer = send(client, VIEW, headers={"x-org-id": "demo"})
        stranger = send(client, VIEW, headers={"x-org-id": "acme"})

    assert (answer.status_code, stranger.status_code) == (202, 503)
    assert len(stored(world)) == 1


def test_a_write_that_fails_is_a_problem_and_nothing_is_acknowledged(served):
    world, client = served
    (world.home / "spool").mkdir(exist_ok=True)
    (world.home / "spool" / "events").write_text("a file where a folder should be")

    refused = send(client, VIEW)
    (world.home / "spool" / "events").unlink()
    again = send(client, VIEW)

    assert (refused.status_code, refused.json()["code"]) == (503, "RECSYS_NOT_STORED")
    assert refused.headers["retry-after"] == "5"
    assert (again.status_code, again.json()["accepted"], again.json()["duplicates"]) == (202, 1, 0)
    assert len(stored(world)) == 1


def test_an_event_from_the_future_is_stored_with_both_times_and_a_warning(served):
    world, client = served
    soon, later = (datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (200, 900))

    answer = send(client, view("e1", ts=soon.isoformat()), view("e2", ts=later.isoformat()))

    assert [(each["code"], each["pointer"]) for each in answer.json()["warnings"]] == [("CLOCK_AHEAD", "/events/1/ts")]
    assert [e.ts for e in stored(world)] == [soon, later]


def test_consent_narrows_what_is_stored(served):
    world, client = served
    told = {"session_id": "s1", "order_id": "o1", "meta": {"surface": "home", "request_id": "r1", "x": "y"}}

    send(client, *(view(f"e-{level}", consent=level, **told) for level in ("full", "limited", "none")))
    send(
        client,
        view("e-none", consent="none", **told),
        view("e-visit", user_id=None, session_id="s2", consent="limited"),
    )
    full, limited, none, visit = stored(world)

    assert (full.user_id, full.session_id, full.order_id, full.meta.request_id) == ("u1", "s1", "o1", "r1")
    assert (limited.event_id, limited.user_id, limited.session_id, limited.order_id) == ("e-limited", "u1", None, "o1")
    assert (limited.meta.surface, limited.meta.request_id) == ("home", None)
    pseudonym = Pseudonyms(secret_at(world.home / "pseudonym.secret"), "demo").of("event:e-none")
    assert (none.event_id, none.anonymous_id) == (pseudonym, f"unlinked-{pseudonym}")
    assert (none.user_id, none.session_id, none.order_id, none.meta.request_id) == (None, None, None, None)
    assert (none.item_id, none.type, none.meta.surface, none.consent) == ("a-01", "view", "home", "none")
    assert (visit.session_id, visit.consent) == ("s2", "limited")


def test_forgotten_people_are_refused(world):
    world.publish("a")
    of = Pseudonyms(secret_at(world.home / "pseudonym.secret"), "demo").of
    engrave(world.store, "demo", of("u1"), {of("u1")}, now=datetime(2026, 3, 2, tzinfo=UTC), key_id="k")

    with world.client() as client:
        answer = send(client, VIEW, view("e2", user_id="u2"), view("e3", user_id="u2", session_id="u1")).json()

    assert (answer["accepted"], [each["code"] for each in answer["rejected"]]) == (1, ["forgotten", "forgotten"])
    assert [e.event_id for e in stored(world)] == ["e2"]


def test_the_alias_takes_one_event_or_a_list_in_other_words(served):
    world, client = served
    click = {"userId": 123, "type": "cart", "productId": "p1", "ts": "2025-09-30T07:00:00Z"}
    watched = {
        "event": "VideoWatched", "eventId": "w1", "userId": "v-57", "videoId": "v056", "watchedSeconds": 90,
        "durationSeconds": 360, "occurredAt": 1767225928000,
    }  # fmt: skip

    one = client.post(ALIAS, json=click)
    several = client.post(ALIAS, json=[watched, click, view("e1"), {"userId": "u", "type": "view", "ts": 1}])

    assert (one.status_code, one.json()["accepted"]) == (202, 1)
    assert (several.status_code, several.json()["accepted"], several.json()["duplicates"]) == (202, 3, 1)
    assert [(e.user_id, e.type, e.item_id, e.value) for e in stored(world)][:2] == [
        ("123", "add", "p1", None),
        ("v-57", "view", "v056", 0.25),
    ]


def test_the_alias_points_into_what_was_sent(served):
    _, client = served

    one = client.post(ALIAS, json={"userId": "u", "productId": "", "type": "view", "ts": "2026-03-02T01:00:00Z"})
    several = client.post(ALIAS, json=[VIEW, {"userId": "u", "type": "view", "occurredAt": "noon"}])

    assert [each["pointer"] for each in one.json()["errors"]] == ["/productId"]
    assert [(each["index"], each["pointer"]) for each in several.json()["rejected"]] == [(1, "/1/occurredAt")]


def test_events_are_counted_by_type_and_outcome(served):
    world, client = served

    send(client, VIEW, view("e2", type="purchase"), view("e2"), view("e3", type="stare"))
    send(client, {})
    (world.home / "spool" / "events").rename(world.home / "elsewhere")
    (world.home / "spool" / "events").write_text("a file where a folder should be")
    client.app.state.events.landing.segments.finish(everything=True)
    send(client, view("e4"))

    assert counts(client) == {
        'outcome="accepted",tenant="demo",type="view"': 1,
        'outcome="accepted",tenant="demo",type="purchase"': 1,
        'outcome="duplicate",tenant="demo",type="view"': 1,
        'outcome="rejected",tenant="demo",type="unknown"': 2,
        'outcome="lost",tenant="demo",type="view"': 1,
    }


def test_the_access_log_says_how_many_were_accepted_and_by_whom(world, capsysbinary):
    world.publish("a")

    with world.client() as client:
        send(client, VIEW, view("e2"), {})

    lines = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    [line] = [line for line in lines if line.get("path") == BATCH]
    assert (line["status"], line["tenant"], line["accepted"]) == (202, "demo", 2)


def test_at_the_end_everything_is_in_the_landing_area(world):
    world.publish("a")
    with world.client() as client:
        send(client, VIEW)

    today = datetime.now(UTC).date()
    assert [path.parent.name for path in world.landing.glob("events/tenant=demo/date=*/*.jsonl")] == [f"date={today}"]
    assert len(stored(world)) == 1


def test_a_worker_remembers_the_last_ids_and_not_all():
    recent = Recent(2)

    recent.add([("t", "1"), ("t", "2")])
    recent.add([("t", "3")])

    assert ("t", "1") in recent
    assert ("u", "1") not in recent
    recent.add([("t", "4")])
    assert [("t", id) in recent for id in "1234"] == [False, False, True, True]
