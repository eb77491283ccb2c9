"""Blending: ranks, weights and exact sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_algo.blend import COMMON_DEPTH, MOST_POOLS, Voice, blend, extended, newcomers
from recsys_algo.slate import Pool
from recsys_algo.tally import Tally

COUNT = 3_000


def pool(*items, name="source"):
    return Pool(name, 0, "reason", np.array(items, np.int32))


def blended(pools, shares):
    return blend(pools, [Voice.of(number, share) for number, share in enumerate(shares)], Tally(COUNT))


def test_an_item_scores_its_share_times_five_over_five_plus_rank():
    slate = blended([pool(7, 3, 5), pool(5, 9)], [0.75, 0.25]).slate

    assert slate.items.tolist() == [5, 7, 3, 9]
    assert slate.scores.tolist() == [
        round(0.75 * 5 / 7, 6) + 0.25,  # third in one, first in the other
        0.75,
        round(0.75 * 5 / 6, 6),
        round(0.25 * 5 / 6, 6),
    ]


def test_equal_scores_go_by_id():
    slate = blended([pool(9), pool(2)], [0.5, 0.5]).slate

    assert slate.items.tolist() == [2, 9]


def test_a_weight_means_the_same_however_long_a_list_is():
    long = pool(*range(1000))

    slate = blended([long, pool(2000)], [0.5, 0.5]).slate

    assert slate.items[:2].tolist() == [0, 2000]
    assert slate.scores[:2].tolist() == [0.5, 0.5]


@given(st.permutations(range(50)))
def test_a_blend_of_one_source_keeps_its_order(order):
    assert blended([pool(*order)], [1.0]).slate.items.tolist() == order


def test_a_blend_of_one_source_keeps_its_order_however_deep_it_is():
    order = list(range(COUNT))[::-1]

    assert COUNT > COMMON_DEPTH
    assert blended([pool(*order), pool()], [0.01, 0.99]).slate.items.tolist() == order


@given(st.lists(st.lists(st.integers(0, COUNT - 1), unique=True, max_size=60), max_size=5))
def test_a_blend_is_the_sum_of_its_parts(lists):
    pools, shares = [pool(*items) for items in lists], [1 / (number + 1) for number in range(len(lists))]
    expected: dict[int, int] = {}
    for items, share in zip(lists, shares, strict=True):
        for rank, item in enumerate(items):
            expected[item] = expected.get(item, 0) + round(share * 5 / (5 + rank) * 1e6)

    slate = blended(pools, shares).slate

    assert dict(zip(slate.items.tolist(), slate.scores.tolist(), strict=True)) == {
        item: millionths / 1e6 for item, millionths in expected.items()
    }
    assert slate.items.tolist() == sorted(expected, key=lambda item: (-expected[item], item))


def test_the_strongest_pool_is_the_one_that_gave_most():
    result = blended([pool(1, 2, 3), pool(3, 4)], [0.5, 0.5])

    assert result.strongest_of(np.array([1, 3, 4])) == [0, 1, 1]


def test_of_two_pools_that_gave_the_same_the_first_is_the_strongest():
    assert blended([pool(1), pool(1)], [0.5, 0.5]).strongest_of(np.array([1])) == [0]


def test_nothing_blends_to_nothing():
    assert blended([], []).slate.items.tolist() == []
    assert blended([pool(), pool()], [0.5, 0.5]).slate.items.tolist() == []


def test_more_pools_than_can_be_told_apart_are_refused():
    pools = [pool(1)] * (MOST_POOLS + 1)

    with pytest.raises(ValueError, match="65 pools are to be blended; at most 64"):
        blended(pools, [0.1] * len(pools))


def test_only_what_is_new_in_a_pool_is_left_of_it():
    first, second = newcomers(np.array([5]), [pool(9, 5, 1), pool(1, 0), pool(9)])

    assert first.items.tolist() == [9, 1]
    assert second.items.tolist() == [0]


def test_newcomers_stand_behind_the_blend_in_the_order_of_their_pools():
    result = extended(blended([pool(5)], [1.0]), [pool(9, 1), pool(0)], 1)

    assert result.slate.items.tolist() == [5, 9, 1, 0]
    assert result.slate.scores.tolist() == [1.0, -0.000001, -0.000002, -0.000003]
    assert result.strongest_of(result.slate.items) == [0, 1, 1, 2]


def test_a_tally_comes_back_empty():
    tally = Tally(10)
    entries = np.array([3, 3, 7])

    first = tally.totals(entries, np.array([1, 2, 4])).tolist()

    assert first == [3, 3, 4]
    assert tally.totals(entries, np.array([1, 2, 4])).tolist() == first
    assert tally.largest(entries, np.array([1, 2, 4]), np.array([7, 3, 0])).tolist() == [4, 2, 0]
