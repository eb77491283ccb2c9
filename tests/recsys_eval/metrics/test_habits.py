import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_eval.metrics import calibration_gap, indexed, popularity_bias, repeat_rate, serendipity
from recsys_eval.metrics.diversity import kinds_of
from recsys_eval.metrics.habits import most_popular, past_of
from recsys_eval.metrics.hits import matched

ITEMS = ["a", "b", "c", "d"]
CATALOG = pl.DataFrame({"item_id": ITEMS, "category": ["tea", "tea", "cup", None]})
TRAIN = pl.DataFrame({"user_id": ["ann", "ann", "ann", "bob"], "item_id": ["a", "b", "c", "a"]})


def lists(**shown: str) -> pl.DataFrame:
    """One letter per item, best first."""
    rows = [(user, item, rank) for user, items in shown.items() for rank, item in enumerate(items, start=1)]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "rank"], orient="row")


def measured(metric, recs: pl.DataFrame, catalog: pl.DataFrame = CATALOG, train: pl.DataFrame = TRAIN) -> list[float]:
    places = indexed(recs, catalog["item_id"])
    had = past_of(places, recs["user_id"].unique().sort(), train)
    return metric(places, had, *([kinds_of(places.items, catalog)] if metric is calibration_gap else [])).tolist()


def test_a_repeat_is_what_the_same_user_had():
    assert measured(repeat_rate, lists(ann="ad", bob="bc")) == [1 / 2, 0.0]


def test_lists_as_popular_as_what_people_choose_have_a_bias_of_1():
    recs, owners = lists(ann="ab", bob="ac"), np.array([3, 1, 0, 0])

    bias = popularity_bias(indexed(recs, CATALOG["item_id"]), owners)

    assert bias.tolist() == pytest.approx([(3 + 1) / 2 / (10 / 4), (3 + 0) / 2 / (10 / 4)])


def test_a_mix_like_the_past_has_no_gap():
    train = pl.DataFrame({"user_id": ["ann", "ann"], "item_id": ["a", "c"]})

    assert measured(calibration_gap, lists(ann="bc"), train=train) == [0.0]


def test_a_mix_that_shares_nothing_with_the_past_has_the_largest_gap():
    assert measured(calibration_gap, lists(bob="c")) == pytest.approx([-math.log(0.01)])


def test_tags_share_an_item_between_them():
    catalog = pl.DataFrame({"item_id": ITEMS, "tags": [["x", "y"], ["x"], ["y"], []]})
    train = pl.DataFrame({"user_id": ["ann"], "item_id": ["a"]})

    assert measured(calibration_gap, lists(ann="bc"), catalog, train) == [0.0]


def test_users_without_a_past_and_lists_without_a_category_have_no_gap_at_all():
    assert np.isnan(measured(calibration_gap, lists(ann="d", new="a"))).all()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_the_gap_equals_the_formula_of_the_paper(seed):
    rng = np.random.default_rng(seed)
    catalog = pl.DataFrame({"item_id": ITEMS, "category": rng.choice(["x", "y", "z"], 4).tolist()})
    kind = dict(catalog.iter_rows())
    shown, had = (rng.choice(ITEMS, rng.integers(1, 5), replace=False).tolist() for _ in range(2))
    train = pl.DataFrame({"user_id": ["ann"] * len(had), "item_id": had})
    expected = 0.0
    for genre in {kind[item] for item in had}:
        p = sum(kind[item] == genre for item in had) / len(had)
        q = sum(kind[item] == genre for item in shown) / len(shown)
        expected += p * math.log(p / (0.99 * q + 0.01 * p))

    assert measured(calibration_gap, lists(ann="".join(shown)), catalog, train) == pytest.approx([expected], abs=1e-9)


def test_a_hit_that_popularity_would_have_shown_is_no_serendipity():
    found = matched(lists(ann="abc"), pl.DataFrame({"user_id": ["ann", "ann", "new"], "item_id": ["a", "c", "a"]}))

    assert serendipity(found.hits, 3, np.array([1, 0])).tolist() == [1 / 3, 0.0]


def test_the_most_popular_were_had_by_somebody_and_equals_stand_by_id():
    assert most_popular(np.array([0, 2, 2, 5]), 3).tolist() == [3, 1, 2]
    assert most_popular(np.array([0, 2, 2, 5]), 9).tolist() == [3, 1, 2]
