"""A second stage in the ranking: what it reorders, what it leaves alone, and what is said about it."""

from datetime import UTC, datetime

import numpy as np
import pytest

from data_contracts.documents import Ranking
from recsys_algo.bundle import open_encoded
from recsys_algo.encode import encode_catalog, encode_second_stage
from recsys_algo.features import features
from recsys_algo.rank import recommend, similar
from recsys_algo.ranker import NODES, ranker_arrays, weight_arrays
from recsys_algo.second_stage import examined, lesson
from recsys_algo.situation import Constraints
from recsys_algo.trace import summary, why_not

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ITEMS = [f"i{n:02d}" for n in range(30)]
SHELF = [{"item_id": item, "price_minor": 100 if n % 3 else 1000} for n, item in enumerate(ITEMS)]
DEAR = [item for n, item in enumerate(ITEMS) if n % 3 == 0]


def dear_first(sources=("popularity",)):
    """One split: what costs more than 5 is better."""
    rows = [(0, 0, "price_minor", 500.0, True, 1, 2, None), (0, 1, *[None] * 5, 0.0), (0, 2, *[None] * 5, 1.0)]
    return ranker_arrays(sources, dict(zip(NODES, zip(*rows, strict=True), strict=True)))


@pytest.fixture
def popular():
    """The items of the shelf, the first one most popular."""
    return [("", item, float(len(ITEMS) - n)) for n, item in enumerate(ITEMS)]


@pytest.fixture
def reordered(shop, popular):
    return shop(SHELF, ranking={"weights": {"popularity": 1}}, popularity=popular, second_stage=dear_first())


def test_the_candidates_come_in_the_rankers_order(reordered, ask, ids):
    assert ids(recommend(reordered, ask(k=12))) == [*DEAR, "i01", "i02"]


def test_scores_stay_sorted_and_where_they_were(reordered, shop, popular, ask):
    plain = shop(SHELF, ranking={"weights": {"popularity": 1}}, popularity=popular)

    scores = [item.score for item in recommend(reordered, ask(k=12)).items]

    assert scores == [item.score for item in recommend(plain, ask(k=12)).items]


def test_only_the_first_candidates_are_looked_at(shop, popular, ask, ids):
    ranking = {"weights": {"popularity": 1}, "second_stage": {"model": "lambdamart", "candidates": 10}}
    bundle = shop(SHELF, ranking=ranking, popularity=popular, second_stage=dear_first())

    answer = ids(recommend(bundle, ask(k=12)))

    assert answer == ["i00", "i03", "i06", "i09", "i01", "i02", "i04", "i05", "i07", "i08", "i10", "i11"]


def test_what_may_not_be_shown_takes_no_place_among_the_candidates(shop, popular, ask, ids):
    ranking = {
        "weights": {"popularity": 1},
        "second_stage": {"candidates": 10},
        "blocked_items": ITEMS[:9],
    }
    bundle = shop(SHELF, ranking=ranking, popularity=popular, second_stage=dear_first())

    assert ids(recommend(bundle, ask(k=4))) == ["i09", "i12", "i15", "i18"]


def test_what_the_ladder_fills_in_stays_behind(shop, ask, ids):
    few = [("", "i01", 2.0), ("", "i02", 1.0)]
    bundle = shop(
        SHELF,
        ranking={"weights": {"popularity": 1}, "editorial": ["i00", "i03"]},
        popularity=few,
        second_stage=dear_first(),
    )

    assert ids(recommend(bundle, ask(k=4))) == ["i01", "i02", "i00", "i03"]


def test_caps_hold_for_the_new_order(shop, popular, ask, ids):
    shelf = [row | {"brand": "X" if row["price_minor"] == 1000 else "Y"} for row in SHELF]
    ranking = {"weights": {"popularity": 1}, "max_per_brand": 2}
    bundle = shop(shelf, ranking=ranking, popularity=popular, second_stage=dear_first())

    assert ids(recommend(bundle, ask(k=4))) == ["i00", "i03", "i01", "i02"]


@pytest.mark.parametrize(
    "question",
    [
        pytest.param({"weights": {"popularity": 1.0}}, id="weights of the query"),
        pytest.param({"strategy": "popular"}, id="another strategy"),
        pytest.param({"include_ids": ("i29",), "include_mode": "inject"}, id="a list that competes"),
    ],
)
def test_it_has_no_say_where_other_sources_are_asked_than_it_learned_from(reordered, ask, ids, question):
    answer = recommend(reordered, ask(k=30, **question))

    assert "second_stage" not in dict(answer.trace.steps)
    assert [item for item in ids(answer) if item != "i29"][:5] == ITEMS[:5]


def test_similar_items_are_not_reordered(shop, ask, ids):
    pairs = [("i00", "i01", 2.0), ("i00", "i03", 1.0)]
    bundle = shop(SHELF, cooccurrence=pairs, second_stage=dear_first(["cooccurrence"]))

    assert ids(similar(bundle, ["i00"], ask(k=2))) == ["i01", "i03"]


def test_a_list_to_choose_from_is_reordered_too(reordered, ask, ids):
    assert ids(recommend(reordered, ask(k=3, include_ids=("i01", "i02", "i03")))) == ["i03", "i01", "i02"]


def test_the_signals_of_an_item_add_up_to_its_score(reordered, ask):
    moved = recommend(reordered, ask(k=3)).items[1]

    # i03 was fourth, worth 5 / 8, and stands second, worth 5 / 6.
    assert moved.signals == {"popularity": 0.625, "second_stage": pytest.approx(5 / 6 - 5 / 8, abs=2e-6)}
    assert sum(moved.signals.values()) == pytest.approx(moved.score)
    assert moved.reasons == ("recent_popularity",)


def test_the_trace_shows_it_as_a_step(reordered, ask):
    stages = [stage["name"] for stage in summary(recommend(reordered, ask(k=3)))["stages"]]

    assert stages[-4:] == ["drop_blocked", "second_stage", "select", "cut"]


def test_counts_are_those_of_the_same_stages(reordered, ask):
    cheap = Constraints(price_between=(0, 200))

    counts = recommend(reordered, ask(k=3, exclude_ids=("i01",), constraints=cheap)).counts

    assert counts == {"retrieved": 30, "after_exclude": 29, "after_filter": 19, "after_rules": 19, "returned": 3}


def test_why_not_compares_what_was_compared(reordered, ask):
    answer = recommend(reordered, ask(k=3))

    fate = why_not(answer, reordered, "i01")

    # Ten dear items went before it: it is eleventh, worth 5 / 15.
    assert (fate.verdict, fate.score) == ("below_k", pytest.approx(1 / 3, abs=1e-6))
    assert fate.cutoff_score == answer.items[-1].score


def test_learned_weights_replace_those_of_the_document(shop, popular, ask):
    ranking = {"weights": {"popularity": 0.1, "lists": 0.9}, "exclude_seen": None}
    lists = [("ann", item, float(n)) for n, item in enumerate(ITEMS)]
    bundle = shop(
        SHELF,
        ranking=ranking,
        popularity=popular,
        lists=lists,
        second_stage=weight_arrays({"popularity": 0.75, "lists": 0.25}),
    )

    best = recommend(bundle, ask(user_id="ann")).items[0]

    assert best.item_id == "i00"
    assert best.signals == {"popularity": 0.75, "lists": pytest.approx(0.25 * 5 / 34, abs=1e-6)}


def test_a_source_of_learned_weight_zero_is_not_asked(shop, popular, ask):
    alone = weight_arrays({"popularity": 1.0, "lists": 0.0})
    bundle = shop(SHELF, popularity=popular, lists=[("ann", "i29", 1.0)], second_stage=alone)

    assert [pool.source for pool in recommend(bundle, ask(user_id="ann")).trace.pools] == ["popularity"]


def test_of_several_surfaces_each_has_its_own(tmp_path):
    items = encode_catalog({"item_id": ITEMS}, tmp_path)
    trees = encode_second_stage("home", dear_first(), tmp_path)
    weights = encode_second_stage("cart", weight_arrays({"popularity": 1.0}), tmp_path)

    bundles = [open_encoded("demo", at, [items, trees, weights], Ranking(), NOW) for at in ("home", "cart", "pdp")]

    assert [(bundle.ranker is not None, bundle.learned) for bundle in bundles] == [
        (True, None),
        (False, {"popularity": 1.0}),
        (False, None),
    ]


def test_what_is_learned_from_is_what_is_seen_when_serving(shop, popular, ask):
    """Nothing can differ between training and serving: the features of a plain answer are those of the same request
    once the ranker serves.
    """
    tables = {
        "popularity": popular,
        "lists": [("ann", item, float(n)) for n, item in enumerate(ITEMS[::2])],
        "history": [("ann", "i04", 1.0), ("bob", "i05", 1.0)],
        "seen_purchase": [("ann", "i04", 20_484.0)],
    }
    sources = ("lists", "popularity")
    plain = recommend(shop(SHELF, **tables), ask(k=5, user_id="ann")).trace
    served = recommend(shop(SHELF, **tables, second_stage=dear_first(sources)), ask(k=5, user_id="ann")).trace

    items, learned = lesson(plain, sources)
    head = examined(dict(served.steps)["drop_blocked"], served.situation)

    assert dict(served.steps)["second_stage"].items.tolist() != head.items.tolist()
    assert items.tolist() == head.items.tolist()
    np.testing.assert_array_equal(learned, features(head, served.situation, served.pools, sources))
