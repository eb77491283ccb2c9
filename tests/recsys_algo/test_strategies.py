"""Strategies, weights and kinds: which sources are asked."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from recsys_algo.errors import UnknownStrategy
from recsys_algo.rank import STRATEGIES, recommend, similar
from recsys_algo.situation import Constraints

DAY = 20_484.0
SHOP = [
    {"item_id": "a", "created_at": datetime(2026, 1, 1, tzinfo=UTC)},
    {"item_id": "b", "created_at": datetime(2026, 1, 2, tzinfo=UTC)},
    {"item_id": "c"},
    {"item_id": "d"},
    {"item_id": "e"},
]
TABLES = {
    "popularity": [("", "d", 1.0)],
    "trending": [("", "e", 1.0)],
    "cooccurrence": [("a", "c", 2.0), ("a", "b", 1.0)],
    "als": [("item", "a", [1.0, 0.0]), ("item", "e", [1.0, 0.0]), ("user", "ann", [0.0, 1.0])],
    "lists": [("ann", "e", 1.0)],
    "history": [("ann", "a", 1.0)],
    "seen_purchase": [("ann", "c", DAY - 1), ("ann", "d", DAY)],
}


@pytest.fixture
def bundle(shop):
    return shop(SHOP, **TABLES)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        pytest.param("popular", [("d", "popularity")], id="popular"),
        pytest.param("trending", [("e", "trending")], id="trending"),
        pytest.param("latest", [("b", "latest"), ("a", "latest")], id="latest"),
        pytest.param("also_bought", [("c", "cooccurrence"), ("b", "cooccurrence")], id="also_bought"),
        pytest.param("similar", [("c", "cooccurrence"), ("b", "cooccurrence")], id="similar"),
        pytest.param("buy_again", [("d", "seen.purchase"), ("c", "seen.purchase")], id="buy_again: newest first"),
    ],
)
def test_a_strategy_asks_its_sources(bundle, ask, strategy, expected):
    everything = Constraints(exclude_seen=None)

    answer = recommend(bundle, ask(k=len(expected), strategy=strategy, user_id="ann", constraints=everything))

    assert [(item.item_id, item.source) for item in answer.items] == expected


def test_what_was_bought_is_offered_to_buy_again(bundle, ask, ids):
    assert ids(recommend(bundle, ask(k=2, strategy="buy_again", user_id="ann"))) == ["d", "c"]
    assert "d" not in ids(recommend(bundle, ask(k=5, strategy="popular", user_id="ann")))


def test_history_is_bought_again_where_no_purchases_are_kept(shop, ask, ids):
    bundle = shop(SHOP, history=[("ann", "a", 1.0), ("ann", "b", 2.0)])

    assert ids(recommend(bundle, ask(k=2, strategy="buy_again", user_id="ann"))) == ["b", "a"]


def test_what_is_due_is_bought_again_where_an_artifact_says_so(shop, ask):
    bundle = shop(SHOP, buy_again=[("ann", "c", 0.3), ("ann", "a", 0.1)], seen_purchase=TABLES["seen_purchase"])

    answer = recommend(bundle, ask(k=2, strategy="buy_again", user_id="ann"))

    assert [(item.item_id, item.source, item.reasons) for item in answer.items] == [
        ("c", "buy_again", ("repeat_purchase",)),
        ("a", "buy_again", ("repeat_purchase",)),
    ]


def test_who_is_not_in_that_artifact_buys_again_what_was_bought(shop, ask, ids):
    seen = [*TABLES["seen_purchase"], ("bob", "e", DAY)]
    bundle = shop(SHOP, buy_again=[("ann", "c", 0.3)], seen_purchase=seen)

    assert ids(recommend(bundle, ask(k=1, strategy="buy_again", user_id="bob"))) == ["e"]


def test_the_newest_and_the_trending_are_not_the_popular(shop, ask):
    lists = {"latest": ("item_scores", [("", "a", 1.0)]), "trending": [("", "b", 1.0)], "popularity": [("", "c", 1.0)]}

    answer = recommend(shop(SHOP, **lists), ask(k=1, strategy="popular"))

    assert [pool.source for pool in answer.trace.pools] == ["popularity"]


def test_by_default_every_weighed_source_is_asked(bundle, ask):
    pools = recommend(bundle, ask(user_id="ann")).trace.pools

    assert {pool.source for pool in pools} >= {"als", "cooccurrence", "lists", "popularity", "trending"}


def test_a_source_without_a_weight_is_not_asked(shop, ask):
    bundle = shop(SHOP, ranking={"weights": {"popularity": 1, "trending": 0}}, **TABLES)

    assert [pool.source for pool in recommend(bundle, ask(k=1)).trace.pools] == ["popularity"]


def test_weights_of_the_query_replace_those_of_the_surface(bundle, ask):
    answer = recommend(bundle, ask(k=1, user_id="ann", weights={"trending": 2.0}))

    assert [pool.source for pool in answer.trace.pools] == ["trending"]
    assert answer.items[0].score == 1.0


def test_a_weight_may_be_named_by_how_the_artifact_begins(bundle, ask):
    answer = recommend(bundle, ask(k=1, anchors=("a",), weights={"cooc": 1.0, "pop": 3.0}))

    assert [pool.source for pool in answer.trace.pools] == ["cooccurrence", "popularity"]
    assert answer.items[0].signals == {"popularity": 0.75}


def test_a_weight_that_names_nothing_is_a_warning(bundle, ask):
    answer = recommend(bundle, ask(k=1, weights={"pop": 1.0, "emb": 1.0}))

    assert ("SIGNAL_UNAVAILABLE", "nothing in this generation serves emb") in answer.warnings


def test_an_unknown_strategy_is_an_error_that_names_the_valid_ones(bundle, ask):
    with pytest.raises(
        UnknownStrategy, match="unknown strategy 'magic'; the strategies are personalized, popular"
    ) as e:
        recommend(bundle, ask(strategy="magic"))

    assert e.value.valid == tuple(STRATEGIES)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_answers_from_an_empty_generation(shop, ask, strategy):
    assert recommend(shop("a"), ask(strategy=strategy, user_id="ann")).items == ()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("auto", ["c", "b"], id="auto: the neighbours"),
        pytest.param("cooc", ["c", "b"], id="the beginning of a name"),
        pytest.param("item_neighbors", ["c", "b"], id="a shape"),
        pytest.param("als", ["e"], id="a name"),
        pytest.param("vectors", ["e"], id="the shape of vectors"),
    ],
)
def test_similar_items_by_kind(shop, ask, kind, expected):
    bundle = shop("abcde", ranking={"weights": {}}, cooccurrence=TABLES["cooccurrence"], als=TABLES["als"])

    answer = similar(bundle, ["a"], ask(), kind)

    assert [item.item_id for item in answer.items] == expected
    assert answer.fallback_level == 1


def test_similar_items_of_a_kind_that_is_not_there_fall_back_with_a_warning(bundle, ask):
    answer = similar(bundle, ["a"], ask(k=2), "content")

    assert ("SIGNAL_UNAVAILABLE", "nothing in this generation serves content") in answer.warnings
    assert [item.item_id for item in answer.items] == ["d", "e"]


def test_the_surface_weighs_similar_items_in_its_own_way(shop, ask, ids):
    bundle = shop(
        "abcde", ranking={"similar_weights": {"als": 1}}, cooccurrence=TABLES["cooccurrence"], als=TABLES["als"]
    )

    assert ids(similar(bundle, ["a"], ask())) == ["e"]


def test_similar_items_come_from_vectors_where_there_are_no_neighbours(shop, ask, ids):
    assert ids(similar(shop("abcde", als=TABLES["als"]), ["a"], ask())) == ["e"]


def test_a_segment_is_served_by_its_own_version_of_an_artifact(shop, ask, ids):
    bundle = shop("abc", ranking={"weights": {"popularity": 1}}, popularity=[("", "a", 1.0)], trending=[("", "b", 1.0)])
    bundle = replace(bundle, sources=bundle.sources | {"popularity@vip": bundle.sources["trending"]})

    assert ids(recommend(bundle, ask(k=1))) == ["a"]
    assert ids(recommend(bundle, ask(k=1, segment="vip"))) == ["b"]
