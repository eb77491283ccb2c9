from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.cleaning import clean_recommend, clean_similar
from serving.errors import InvalidRequest
from serving.requests import Anchors, Candidates, Constraints, Context, RecommendRequest, SimilarRequest, User

SOMEBODY = User(user_id="u1")


def cleaned(**fields):
    return clean_recommend(RecommendRequest(**{"surface": "home", "user": SOMEBODY} | fields))


def faults_of(**fields):
    with pytest.raises(InvalidRequest) as caught:
        cleaned(**fields)
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


def test_ids_are_trimmed():
    request = cleaned(surface=" home ", user=User(user_id="  u1\n"), context=Context(page_item_id=" a "))

    assert (request.surface, request.user.user_id, request.context.page_item_id) == ("home", "u1", "a")


def test_lists_lose_repetitions_and_keep_their_order():
    candidates = Candidates(include_ids=("b", " a", "b "), exclude_ids=("c", "c"))

    request = cleaned(candidates=candidates)

    assert request.candidates.include_ids == ("b", "a")
    assert request.candidates.exclude_ids == ("c",)


def test_tags_are_in_lower_case_and_synonyms_resolved():
    constraints = Constraints(
        include_tags_any=("Sale", "new"),
        required_tags=("SALE", "blue"),
        forbidden_tags=("Old",),
        max_per_tag={" Red": 2},
    )

    found = cleaned(constraints=constraints).constraints

    assert found.include_tags_any == ("sale", "new", "blue")
    assert found.exclude_tags_any == ("old",)
    assert (found.required_tags, found.forbidden_tags) == ((), ())
    assert found.max_per_tag == {"red": 2}


def test_only_the_first_anchors_count_when_so_many_are_wanted():
    request = cleaned(anchors=Anchors(item_ids=("a", "b", "c"), max_anchors=2, weights={" a ": 3.0}))

    assert request.anchors.item_ids == ("a", "b")
    assert request.anchors.weights == {"a": 3.0}


def test_times_are_in_utc():
    now = msgspec.convert("2026-01-01T01:00:00+01:00", datetime)

    assert cleaned(context=Context(now=now)).context.now == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"surface": "  "}, [("/surface", "format")], id="an empty surface"),
        pytest.param({"user": User(user_id="a\x00b")}, [("/user/user_id", "format")], id="a control character"),
        pytest.param(
            {"candidates": Candidates(include_ids=("a", " ", "c\x7f"))},
            [("/candidates/include_ids/1", "format"), ("/candidates/include_ids/2", "format")],
            id="every bad id of a list",
        ),
        pytest.param(
            {"constraints": Constraints(forbidden_tags=("a", ""))},
            [("/constraints/forbidden_tags/1", "format")],
            id="a tag under its synonym",
        ),
        pytest.param(
            {"anchors": Anchors(weights={"\x01": 1.0})}, [("/anchors/weights", "format")], id="a key of a mapping"
        ),
        pytest.param(
            {"constraints": Constraints(price_between=(200, 100))},
            [("/constraints/price_between", "range")],
            id="prices the wrong way round",
        ),
        pytest.param(
            {"context": Context(now=datetime(1, 1, 1, tzinfo=UTC))}, [("/context/now", "range")], id="long ago"
        ),
        pytest.param({"user": User()}, [("/user", "missing")], id="nobody asks"),
        pytest.param({"user": User(), "strategy": "buy_again"}, [("/user", "missing")], id="nobody buys again"),
    ],
)
def test_what_a_schema_cannot_say_is_refused_with_its_place(fields, expected):
    assert faults_of(**fields) == expected


@pytest.mark.parametrize("strategy", ["popular", "trending", "latest", "similar", "also_bought"])
def test_lists_for_everybody_need_no_user(strategy):
    assert cleaned(user=User(), strategy=strategy).strategy == strategy


@pytest.mark.parametrize("open_end", [(None, 100), (200, None), (None, None), (100, 100)])
def test_prices_may_be_open(open_end):
    assert cleaned(constraints=Constraints(price_between=open_end)).constraints.price_between == open_end


def test_one_item_or_several_become_a_list():
    one = clean_similar(SimilarRequest(surface="home", item_id=" a "))
    several = clean_similar(SimilarRequest(surface="home", item_ids=("a", "b", "a")))

    assert (one.item_ids, one.item_id) == (("a",), None)
    assert several.item_ids == ("a", "b")


@pytest.mark.parametrize("fields", [{}, {"item_id": "a", "item_ids": ("b",)}], ids=["neither", "both"])
def test_similar_to_what_has_to_be_said_once(fields):
    with pytest.raises(InvalidRequest) as caught:
        clean_similar(SimilarRequest(surface="home", **fields))

    assert [fault.pointer for fault in caught.value.faults] == ["/item_id"]


texts = st.text(max_size=8)


@given(ids=st.lists(texts), tags=st.lists(texts), user=texts, caps=st.dictionaries(texts, st.integers(1, 9)))
def test_cleaning_twice_changes_nothing(ids, tags, user, caps):
    request = RecommendRequest(
        surface="home",
        strategy="popular",
        user=User(session_id=user),
        candidates=Candidates(include_ids=tuple(ids)),
        constraints=Constraints(required_tags=tuple(tags), include_tags_any=tuple(tags), max_per_tag=caps),
    )
    try:
        once = clean_recommend(request)
    except InvalidRequest:
        return

    assert clean_recommend(once) == once
