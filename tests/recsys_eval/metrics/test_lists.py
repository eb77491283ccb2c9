import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_eval.metrics import coverage, gini, indexed, long_tail_share, novelty

CATALOG = pl.Series(["a", "b", "c", "d"])
RECS = pl.DataFrame(
    {"user_id": ["ann", "ann", "bob", "bob"], "item_id": ["a", "b", "a", "zz"], "rank": [1, 2, 1, 2]},
)
counts = st.lists(st.integers(min_value=0, max_value=50), min_size=1, max_size=30).filter(any).map(np.array)


def test_items_are_the_catalog_and_then_what_it_does_not_know():
    assert indexed(RECS, CATALOG).items.to_list() == ["a", "b", "c", "d", "zz"]


def test_an_item_is_shown_as_often_as_it_stands_in_a_list():
    assert indexed(RECS, CATALOG).shown.tolist() == [2, 1, 0, 0, 1]
    assert indexed(RECS, CATALOG).top(1).shown.tolist() == [2, 0, 0, 0, 0]


def test_coverage_is_of_the_catalog_and_not_of_what_was_recommended():
    assert coverage(indexed(RECS, CATALOG).shown[:4]) == 2 / 4


def test_novelty_counts_bits_of_surprise_per_list():
    owners = np.array([8, 4, 1, 0, 0])

    bits = novelty(indexed(RECS, CATALOG), owners, users=8)

    assert bits.tolist() == [(0 + 1) / 2, (0 + 3) / 2]  # bob: nobody had zz, so it counts as if one of 8 had


def test_novelty_of_no_list_is_no_value():
    assert novelty(indexed(RECS.clear(), CATALOG), np.zeros(4, dtype=int), users=3).tolist() == []


def test_the_short_head_is_the_fifth_that_most_users_had_and_the_earlier_of_equals():
    shown = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    owners = np.array([3, 3, 3, 0, 0, 0, 0, 0, 0, 0])

    assert long_tail_share(shown, owners) == pytest.approx(8 / 10)
    assert long_tail_share(np.array([0, 0, 5, 5, 0, 0, 0, 0, 0, 0]), owners) == 1.0


@given(shown=counts)
def test_gini_lies_between_0_and_1_whatever_the_order(shown):
    assert 0 - 1e-12 <= gini(shown) < 1
    assert gini(shown) == pytest.approx(gini(shown[::-1]))


@given(shown=counts)
def test_gini_equals_half_the_mean_difference_over_the_mean(shown):
    differences = np.abs(shown[:, None] - shown[None, :]).mean()

    assert gini(shown) == pytest.approx(differences / (2 * shown.mean()))
