"""Lists that are given again are the lists that would be ranked anew."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys_algo.rank import recommend, similar
from recsys_algo.situation import Constraints, Query
from serving.answers import Answers, users_of
from serving.queries import known
from serving.requests import Options, User
from serving.responses import Place, Recommendations

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLAIN = Options()


@pytest.fixture(scope="module")
def served(shop):
    return shop.app.state.recommender.reloader.shelf.at(("demo", "home"))


def ids(listed):
    return [place.item_id for place in msgspec.json.decode(listed.items, type=list[Place])]


def best(answer):
    return [(item.item_id, item.rank, item.score, item.source) for item in answer.items]


anchors = st.lists(st.integers(0, 30).map("a-{:02}".format), max_size=3).map(tuple)
queries = st.builds(
    Query,
    k=st.integers(1, 30),
    now=st.datetimes(datetime(2026, 2, 27), datetime(2026, 4, 5)).map(lambda naive: naive.replace(tzinfo=UTC)),  # noqa: DTZ001
    user_id=st.sampled_from([None, "u1", "u2", "nobody"]),
    session_id=st.sampled_from([None, "u1", "s1"]),
    segment=st.sampled_from(["default", "vip"]),
    strategy=st.sampled_from([None, "popular", "latest", "buy_again", "similar"]),
    anchors=anchors,
    exclude_ids=anchors,
    include_ids=st.sampled_from([(), (), ("a-03", "a-09")]),
    constraints=st.builds(Constraints, include_tags_any=st.sampled_from([(), ("sale",)])),
    mmr_lambda=st.sampled_from([None, 0.5]),
    seed=st.integers(0, 1),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=st.lists(queries, min_size=1, max_size=6))
def test_a_remembered_list_is_the_one_that_the_core_would_give(served, asked):
    answers = Answers(1_000_000)
    for query in (*asked, *asked):
        listed = answers.listed(served, query, None, PLAIN)

        answer = recommend(served.bundle, query)
        shown = msgspec.json.decode(listed.items, type=list[Place])
        assert [(place.item_id, place.rank, place.score, place.source) for place in shown] == best(answer)
        assert (listed.fallback_level, listed.counts) == (answer.fallback_level, dict(answer.counts))
        assert [notice.code for notice in listed.notices] == [warning.code for warning in answer.warnings]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=queries)
def test_an_id_that_nobody_knows_changes_nothing(served, query):
    users = users_of(served.bundle)
    user = known(User(user_id=query.user_id, session_id=query.session_id), users)
    without = msgspec.structs.asdict(user)

    assert best(recommend(served.bundle, replace(query, **without))) == best(recommend(served.bundle, query))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=queries, at=st.timedeltas(timedelta(0), timedelta(days=1, microseconds=-1)))
def test_of_the_time_only_the_day_counts(served, query, at):
    midnight = query.now.replace(hour=0, minute=0, second=0, microsecond=0)

    assert best(recommend(served.bundle, replace(query, now=midnight + at))) == best(recommend(served.bundle, query))


def test_strangers_share_a_list_and_users_do_not(served):
    users = users_of(served.bundle)

    assert known(User(user_id="nobody", anonymous_id="cookie"), users) == User()
    assert known(User(user_id="u1", session_id="visit"), users) == User(user_id="u1")


def test_what_is_asked_again_is_not_ranked_again(served):
    answers = Answers(1_000_000)
    query = Query(k=3, now=NOON, user_id="u1")

    first = answers.listed(served, query, None, PLAIN)

    assert answers.listed(served, Query(k=3, now=NOON + timedelta(hours=3), user_id="u1"), None, PLAIN) is first
    assert answers.listed(served, Query(k=4, now=NOON, user_id="u1"), None, PLAIN) is not first
    assert answers.listed(served, Query(k=3, now=NOON + timedelta(days=1), user_id="u1"), None, PLAIN) is not first
    assert answers.listed(served, query, None, Options(include_reasons=True)) is not first
    assert answers.listed(served._replace(tag="another"), query, None, PLAIN) is not first


def test_similar_items_are_not_taken_for_recommendations(served):
    answers = Answers(1_000_000)
    query = Query(k=3, now=NOON, anchors=("a-03",))
    answers.listed(served, query, None, PLAIN)

    found = answers.listed(served, query, "cooc", PLAIN)

    assert ids(found) == [item.item_id for item in similar(served.bundle, ["a-03"], query, "cooc").items]


def test_the_oldest_are_forgotten_when_there_is_no_room(served):
    one = Answers(1_000_000).listed(served, Query(k=1, now=NOON), None, PLAIN).bytes
    answers = Answers(3 * one)
    asked = [Query(k=1, now=NOON, seed=seed) for seed in range(4)]
    lists = [answers.listed(served, query, None, PLAIN) for query in asked]

    assert answers.listed(served, asked[3], None, PLAIN) is lists[3]
    assert answers.listed(served, asked[1], None, PLAIN) is lists[1]
    assert answers.listed(served, asked[0], None, PLAIN) is not lists[0]
    assert answers._bytes <= 3 * one


def test_nothing_is_remembered_when_there_is_no_room_at_all(served):
    answers = Answers(0)
    query = Query(k=1, now=NOON)

    assert answers.listed(served, query, None, PLAIN) is not answers.listed(served, query, None, PLAIN)


def test_a_trace_is_never_remembered(served):
    answers = Answers(1_000_000)
    query = Query(k=1, now=NOON)
    answers.listed(served, query, None, PLAIN)

    assert answers.listed(served, query, None, Options(include_trace=True)).trace is not None
    assert answers.listed(served, query, None, PLAIN).trace is None


def test_a_remembered_answer_has_its_own_id_time_and_record(world):
    world.publish("a")
    with world.client() as client:
        asked = {"surface": "home", "user": {"user_id": "u1"}, "options": {"include_reasons": True}}
        answers = [client.post("/v1/recommend", json=asked).json() for _ in range(2)]
        records = world.exposures()

    assert answers[0]["items"] == answers[1]["items"]
    assert len({answer["meta"]["request_id"] for answer in answers}) == 2
    assert [record["request_id"] for record in records] == [answer["meta"]["request_id"] for answer in answers]
    assert records[0]["items"] == records[1]["items"]


def test_a_new_generation_is_not_answered_from_memory(world):
    world.publish("a")
    with world.client(reload_every_s=3600) as client:
        asked = {"surface": "home", "user": {"user_id": "u1"}}
        client.post("/v1/recommend", json=asked)
        world.publish("b")
        client.app.state.recommender.reloader.poll()
        answer = client.post("/v1/recommend", json=asked).json()

    assert answer["meta"]["manifest_generation"] == 2
    assert all(item["item_id"].startswith("b-") for item in answer["items"])


def test_what_is_sent_is_what_is_documented(shop):
    options = {
        "include_reasons": True,
        "explain": "full",
        "include_trace": True,
        "include_item": ["title", "created_at"],
    }
    asked = {"surface": "home", "user": {"user_id": "u1"}, "options": options, "consent": "limited"}

    body = shop.post("/v1/recommend", json=asked).content

    assert msgspec.json.decode(body, type=Recommendations).meta.surface == "home"
