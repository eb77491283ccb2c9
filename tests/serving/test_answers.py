"""Lists that are given again are the lists that would be ranked anew."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys_algo.rank import recommend, similar
from serving.answers import Answers, users_of
from serving.cleaning import clean_recommend
from serving.errors import InvalidRequest
from serving.queries import form_of, recommend_query, similar_query
from serving.requests import (
    Anchors,
    Candidates,
    Constraints,
    Context,
    Diversity,
    Options,
    RecommendRequest,
    SimilarRequest,
    User,
)
from serving.responses import Place, Recommendations

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EXAMPLES = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def served(shop):
    return shop.app.state.recommender.reloader.shelf.at(("demo", "home"))


def asked(**fields):
    return RecommendRequest(**{"surface": "home", "user": User(user_id="u1")} | fields)


def shown(listed):
    places = msgspec.json.decode(listed.items, type=list[Place])
    return [(place.item_id, place.rank, place.score, place.source) for place in places]


def ranked(bundle, query):
    return [(item.item_id, item.rank, item.score, item.source) for item in recommend(bundle, query).items]


items = st.lists(st.integers(0, 30).map("a-{:02}".format), max_size=3).map(tuple)
times = st.datetimes(datetime(2026, 2, 27), datetime(2026, 4, 5), timezones=st.just(UTC))  # noqa: DTZ001 - aware by that
requests = st.builds(
    RecommendRequest,
    surface=st.just("home"),
    segment=st.sampled_from(["default", "vip"]),
    k=st.integers(1, 30),
    strategy=st.sampled_from([None, "popular", "latest", "buy_again", "similar"]),
    user=st.builds(
        User,
        user_id=st.sampled_from([None, "u1", "u2", "nobody"]),
        anonymous_id=st.sampled_from([None, "u1", "cookie"]),
        session_id=st.sampled_from([None, "u1", "visit"]),
    ),
    context=st.builds(Context, page_item_id=st.sampled_from([None, "a-04"]), locale=st.sampled_from([None, "de"])),
    anchors=st.builds(Anchors, item_ids=items),
    candidates=st.builds(Candidates, exclude_ids=items, include_ids=st.sampled_from([(), (), ("a-03", "a-09")])),
    constraints=st.builds(Constraints, include_tags_any=st.sampled_from([(), ("sale",)])),
    weights=st.sampled_from([None, {"pop": 1.0}, {"cooc": 1.0, "als": 2.0}]),
    diversity=st.builds(Diversity, mmr_lambda=st.sampled_from([None, 0.5])),
    options=st.builds(Options, seed=st.integers(0, 1), include_reasons=st.booleans()),
    consent=st.sampled_from(["full", "full", "limited", "none"]),
)
cleaned = requests.filter(lambda request: request.user != User() or request.strategy == "popular").map(clean_recommend)


@EXAMPLES
@given(wanted=st.lists(st.tuples(cleaned, times), min_size=1, max_size=6))
def test_a_remembered_list_is_the_one_that_the_core_would_give(served, wanted):
    answers = Answers(1_000_000)
    for request, now in (*wanted, *wanted):
        form = form_of(request, served.users)
        listed = answers.listed(served, form, now)

        answer = recommend(served.bundle, recommend_query(form, now, 6))
        assert shown(listed) == [(item.item_id, item.rank, item.score, item.source) for item in answer.items]
        assert (listed.fallback_level, listed.counts) == (answer.fallback_level, dict(answer.counts))
        assert [notice.code for notice in listed.notices] == [warning.code for warning in answer.warnings]


@EXAMPLES
@given(request=cleaned, now=times)
def test_what_the_form_leaves_out_changes_no_list(served, request, now):
    consenting = msgspec.structs.replace(request, consent="full")

    with_all = recommend_query(consenting, now, 6)

    assert ranked(served.bundle, recommend_query(form_of(consenting, served.users), now, 6)) == ranked(
        served.bundle, with_all
    )


@EXAMPLES
@given(request=cleaned, now=times, later=st.timedeltas(timedelta(0), timedelta(days=1, microseconds=-1)))
def test_of_the_time_only_the_day_counts(served, request, now, later):
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)

    assert ranked(served.bundle, recommend_query(request, midnight + later, 6)) == ranked(
        served.bundle, recommend_query(request, now, 6)
    )


def test_strangers_have_one_form_and_users_their_own(served):
    users = users_of(served.bundle)
    strangers = [asked(user=User(user_id="nobody")), asked(user=User(session_id="visit", anonymous_id="cookie"))]

    assert form_of(strangers[0], users) == form_of(strangers[1], users)
    assert form_of(asked(user=User(user_id="u1", session_id="visit")), users).user == User(user_id="u1")


@pytest.mark.parametrize(("consent", "user"), [("full", "u1"), ("limited", None), ("none", None)])
def test_without_consent_the_form_names_nobody(served, consent, user):
    assert form_of(asked(consent=consent), users_of(served.bundle)).user.user_id == user


def test_what_is_asked_again_is_not_ranked_again(served):
    answers = Answers(1_000_000)

    def listed(now=NOON, of=served, **fields):
        return answers.listed(of, form_of(asked(**fields), served.users), now)

    first = listed()

    assert listed(NOON + timedelta(hours=3)) is first
    assert listed(context=Context(locale="de"), options=Options(timings=True)) is first
    assert listed(k=4) is not first
    assert listed(NOON + timedelta(days=1)) is not first
    assert listed(options=Options(include_reasons=True)) is not first
    assert listed(constraints=Constraints(exclude_seen=None)) is not first
    assert listed(of=served._replace(tag="another")) is not first


def test_similar_items_are_not_taken_for_recommendations(served):
    answers = Answers(1_000_000)
    form = SimilarRequest(surface="home", item_ids=("a-03",), kind="cooc")
    answers.listed(served, RecommendRequest(surface="home"), NOON)

    found = answers.listed(served, form, NOON)

    expected = similar(served.bundle, ["a-03"], similar_query(form, NOON, 6), "cooc")
    assert shown(found) == [(item.item_id, item.rank, item.score, item.source) for item in expected.items]


def test_the_oldest_are_forgotten_when_there_is_no_room(served):
    forms = [asked(k=1, options=Options(seed=seed)) for seed in range(4)]
    answers = Answers(3 * Answers(0).listed(served, forms[0], NOON).bytes)
    lists = [answers.listed(served, form, NOON) for form in forms]

    assert answers.listed(served, forms[3], NOON) is lists[3]
    assert answers.listed(served, forms[1], NOON) is lists[1]
    assert answers.listed(served, forms[0], NOON) is not lists[0]
    assert answers.listed(served, forms[2], NOON) is not lists[2]


def test_nothing_is_remembered_when_there_is_no_room_at_all(served):
    answers = Answers(0)

    assert answers.listed(served, asked(), NOON) is not answers.listed(served, asked(), NOON)


def test_a_trace_is_never_remembered(served):
    answers = Answers(1_000_000)
    answers.listed(served, asked(), NOON)

    assert answers.listed(served, asked(options=Options(include_trace=True)), NOON).trace is not None
    assert answers.listed(served, asked(), NOON).trace is None


def test_a_remembered_answer_has_its_own_id_time_and_record(world):
    world.publish("a")
    with world.client() as client:
        body = {"surface": "home", "user": {"user_id": "u1"}, "options": {"include_reasons": True}}
        answers = [client.post("/v1/recommend", json=body).json() for _ in range(2)]
        records = world.exposures()

    assert answers[0]["items"] == answers[1]["items"]
    assert len({answer["meta"]["request_id"] for answer in answers}) == 2
    assert [record["request_id"] for record in records] == [answer["meta"]["request_id"] for answer in answers]
    assert records[0]["items"] == records[1]["items"]


def test_a_new_generation_is_not_answered_from_memory(world):
    world.publish("a")
    with world.client(reload_every_s=3600) as client:
        body = {"surface": "home", "user": {"user_id": "u1"}}
        client.post("/v1/recommend", json=body)
        world.publish("b")
        client.app.state.recommender.reloader.poll()
        answer = client.post("/v1/recommend", json=body).json()

    assert answer["meta"]["manifest_generation"] == 2
    assert all(item["item_id"].startswith("b-") for item in answer["items"])


def test_what_is_sent_is_what_is_documented(shop):
    options = {"include_reasons": True, "explain": "full", "include_trace": True, "include_item": ["created_at"]}
    body = {"surface": "home", "user": {"user_id": "u1"}, "options": options, "consent": "limited"}

    answer = shop.post("/v1/recommend", json=body).content

    assert msgspec.json.decode(answer, type=Recommendations).meta.surface == "home"


def test_a_form_of_nobody_is_only_for_lists_that_need_nobody():
    with pytest.raises(InvalidRequest):
        clean_recommend(RecommendRequest(surface="home"))
