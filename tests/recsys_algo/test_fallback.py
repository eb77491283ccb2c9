"""The fallback ladder, rung by rung."""

from datetime import UTC, datetime

import pytest

from recsys_algo.rank import recommend
from recsys_algo.situation import Constraints, Warning

DATED = [
    {"item_id": "a", "category": "audio", "created_at": datetime(2026, 1, 1, tzinfo=UTC)},
    {"item_id": "b", "category": "audio", "created_at": datetime(2026, 1, 3, tzinfo=UTC)},
    {"item_id": "c", "category": "video", "created_at": datetime(2026, 1, 2, tzinfo=UTC)},
    {"item_id": "d"},
]
TABLES = {
    "lists": [("ann", "d", 1.0)],
    "cooccurrence": [("a", "c", 1.0)],
    "popularity": [("", "a", 2.0), ("", "b", 1.0), ("vip", "c", 1.0)],
}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({"user_id": "ann"}, (0, "d"), id="a known user"),
        pytest.param({"user_id": "new", "anchors": ("a",)}, (1, "c"), id="an anchor"),
        pytest.param({"user_id": "new", "segment": "vip"}, (2, "c"), id="a segment"),
        pytest.param({"user_id": "new"}, (3, "a"), id="nothing but popularity"),
    ],
)
def test_the_level_is_that_of_the_strongest_evidence(shop, ask, asked, expected):
    bundle = shop(DATED, ranking={"weights": {"lists": 3, "cooccurrence": 3, "popularity": 1}}, **TABLES)

    answer = recommend(bundle, ask(k=1, **asked))

    assert (answer.fallback_level, answer.items[0].item_id) == expected


def test_evidence_that_was_filtered_away_does_not_count(shop, ask):
    bundle = shop(DATED, **TABLES)

    assert recommend(bundle, ask(k=1, user_id="ann", exclude_ids=("d",))).fallback_level == 3


@pytest.mark.parametrize(
    ("made_of", "expected"),
    [
        pytest.param(
            {"popularity": TABLES["popularity"]}, (3, "surface_popularity", "ab"), id="what the surface weighs"
        ),
        pytest.param(
            {"ranking": {"weights": {}}, "popularity": TABLES["popularity"]},
            (4, "tenant_popularity", "ab"),
            id="what the tenant has",
        ),
        pytest.param({"ranking": {"editorial": ["d"]}}, (5, "latest", "bc"), id="the newest"),
    ],
)
def test_the_first_rung_that_has_something_gives_the_level(shop, ask, made_of, expected):
    bundle = shop(DATED, **made_of)

    answer = recommend(bundle, ask(k=2, user_id="new", strategy="also_bought"))

    first, second = answer.items
    assert (answer.fallback_level, first.source, first.item_id + second.item_id) == expected


def test_the_editorial_list_is_the_last_resort_in_its_own_order(shop, ask, ids):
    bundle = shop("abcd", ranking={"editorial": ["d", "unheard", "b", "d"]})

    answer = recommend(bundle, ask(k=3))

    assert ids(answer) == ["d", "b"]
    assert answer.fallback_level == 6
    assert answer.items[0].reasons == ("editorial",)


def test_nothing_at_all_is_level_seven_and_says_so(shop, ask):
    answer = recommend(shop("ab"), ask(k=2))

    assert answer.items == ()
    assert answer.fallback_level == 7
    assert [warning.code for warning in answer.warnings] == ["FALLBACK_USED", "SHORT_LIST"]


def test_a_short_personal_list_is_filled_up_from_the_ladder(shop, ask, ids):
    bundle = shop(DATED, ranking={"weights": {"lists": 1}}, **TABLES)

    answer = recommend(bundle, ask(k=4, user_id="ann"))

    assert ids(answer) == ["d", "a", "b", "c"]
    assert [item.source for item in answer.items] == ["lists", "tenant_popularity", "tenant_popularity", "latest"]
    assert answer.fallback_level == 0
    assert answer.warnings == (Warning("FALLBACK_USED", "level 0; filled up by tenant_popularity, latest"),)


def test_what_fills_up_scores_below_everything_else(shop, ask):
    bundle = shop(DATED, ranking={"weights": {"lists": 1}}, **TABLES)

    answer = recommend(bundle, ask(k=4, user_id="ann"))

    assert [item.score for item in answer.items] == [1.0, -0.000001, -0.000002, -0.000003]
    assert answer.items[3].signals == {"latest": 0.0}


def test_what_fills_up_passes_the_same_filters_and_caps(shop, ask, ids):
    bundle = shop(DATED, ranking={"weights": {"lists": 1}, "blocked_items": ["a"]}, **TABLES)

    answer = recommend(bundle, ask(k=4, user_id="ann", exclude_ids=("b",), constraints=Constraints(max_per_category=1)))

    assert ids(answer) == ["d", "c"]


def test_lists_of_the_anchors_categories_come_before_those_for_everybody(shop, ask, ids):
    popularity = [("", "c", 9.0), ("", "b", 1.0), ("category:audio", "b", 1.0)]
    bundle = shop(DATED, ranking={"weights": {}}, popularity=popularity)

    answer = recommend(bundle, ask(k=2, anchors=("a",)))

    assert ids(answer) == ["b", "c"]
    assert [item.source for item in answer.items] == ["segment", "tenant_popularity"]
    assert answer.fallback_level == 2


def test_a_list_is_never_empty_while_popularity_exists(shop, ask):
    bundle = shop(DATED, ranking={"weights": {"lists": 1}}, **TABLES)

    for asked in ({"user_id": "new"}, {"anchors": ("unheard",)}, {}, {"strategy": "buy_again", "user_id": "new"}):
        assert recommend(bundle, ask(k=1, **asked)).items


def test_of_lists_without_a_weight_the_popular_comes_first(shop, ask, ids):
    lists = {"latest": ("item_scores", [("", "a", 1.0)]), "trending": [("", "b", 1.0)], "popularity": [("", "c", 1.0)]}
    bundle = shop(DATED, ranking={"weights": {}}, **lists)

    assert ids(recommend(bundle, ask(k=3))) == ["c", "a", "b"]


def test_a_list_of_the_newest_says_so(shop, ask):
    answer = recommend(shop(DATED, latest=("item_scores", [("", "a", 1.0)])), ask(k=1))

    assert answer.items[0].reasons == ("new_item",)


def test_an_answer_that_is_not_personal_when_it_should_be_says_so(shop, ask):
    bundle = shop(DATED, **TABLES)

    assert recommend(bundle, ask(k=1, user_id="new")).warnings == (
        Warning("FALLBACK_USED", "level 3; nothing is known of this user or these items"),
    )
    assert recommend(bundle, ask(k=1, user_id="new", strategy="popular")).warnings == ()
