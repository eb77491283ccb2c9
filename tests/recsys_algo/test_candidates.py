"""Candidate sources, one per shape."""

import numpy as np
import pytest

from recsys_algo.candidates import PERSONAL, SEGMENT, SESSION, SURFACE, Ask

NOBODY = Ask((), "default", np.zeros(0, np.int64), np.zeros(0), 200)


def asked(**changes):
    fields = {name: getattr(NOBODY, name) for name in NOBODY.__struct_fields__}
    return Ask(**(fields | changes))


def anchored(items, weights=None, **changes):
    weights = np.ones(len(items)) if weights is None else np.array(weights)
    return asked(anchors=np.array(items, np.int64), anchor_weights=weights, **changes)


@pytest.fixture
def popular(shop):
    rows = [("", "a", 1.0), ("", "b", 3.0), ("", "c", 3.0), ("vip", "a", 1.0)]
    return shop("abc", popularity=rows).sources["popularity"]


def test_the_list_for_everybody_is_best_first_and_ties_go_by_id(popular):
    pool = popular.pool(NOBODY)

    assert pool.items.tolist() == [1, 2, 0]
    assert (pool.level, pool.reason) == (SURFACE, "recent_popularity")


def test_a_segment_has_its_own_list(popular):
    pool = popular.pool(asked(segment="vip"))

    assert pool.items.tolist() == [0]
    assert pool.level == SEGMENT


def test_a_segment_without_a_list_gets_the_one_for_everybody(popular):
    assert popular.pool(asked(segment="unheard")).items.tolist() == [1, 2, 0]


def test_a_pool_is_cut_after_passing_over_what_is_not_allowed(popular):
    only_the_last = np.array([True, False, False])

    assert popular.pool(asked(depth=1)).items.tolist() == [1]
    assert popular.pool(asked(depth=1, allowed=only_the_last)).items.tolist() == [0]


def test_a_user_has_a_list_under_the_first_id_that_is_known(shop):
    lists = shop("abc", lists=[("ann", "b", 2.0), ("ann", "a", 1.0), ("device", "c", 1.0)]).sources["lists"]

    assert lists.pool(asked(subjects=("ann", "device"))).items.tolist() == [1, 0]
    assert lists.pool(asked(subjects=("new", "device"))).items.tolist() == [2]
    assert lists.pool(asked(subjects=("new",))).items.tolist() == []
    assert lists.pool(asked(subjects=("ann",))).level == PERSONAL


@pytest.fixture
def neighbors(shop):
    rows = [("a", "b", 0.5), ("a", "c", 0.4), ("d", "c", 0.3), ("d", "a", 0.9), ("e", "b", 0.4)]
    return shop("abcde", cooccurrence=rows).sources["cooccurrence"]


def test_the_neighbours_of_one_anchor_are_its_row(neighbors):
    pool = neighbors.pool(anchored([0]))

    assert pool.items.tolist() == [1, 2]
    assert (pool.level, pool.reason) == (SESSION, "co_visitation")


def test_the_scores_of_several_anchors_add_up(neighbors):
    pool = neighbors.pool(anchored([0, 3]))

    assert pool.items.tolist() == [2, 1]  # c: .4 + .3, b: .5; a would have .9 but is an anchor


def test_anchors_weigh(neighbors):
    assert neighbors.pool(anchored([0, 3], [1.0, 0.1])).items.tolist() == [1, 2]  # b: .5, c: .43


def test_equal_sums_go_by_id(shop):
    equal = [("a", "e", 0.5), ("a", "d", 0.25), ("b", "d", 0.25), ("b", "c", 0.5)]
    neighbors = shop("abcde", cooccurrence=equal).sources["cooccurrence"]

    assert neighbors.pool(anchored([0, 1])).items.tolist() == [2, 3, 4]


def test_without_anchors_there_are_no_neighbours(neighbors):
    assert neighbors.pool(NOBODY).items.tolist() == []


def test_anchors_without_neighbours_are_no_error(neighbors):
    assert neighbors.pool(anchored([1, 2])).items.tolist() == []


def test_neighbours_that_are_not_allowed_leave_room_for_others(neighbors):
    allowed = np.array([True, True, False, True, True])

    assert neighbors.pool(anchored([0, 3], depth=1, allowed=allowed)).items.tolist() == [1]


def test_scores_below_zero_add_up_too(shop):
    rows = [("a", "c", -0.5), ("a", "d", 0.2), ("b", "c", 0.1), ("b", "d", -0.1)]
    neighbors = shop("abcd", cooccurrence=rows).sources["cooccurrence"]

    assert neighbors.pool(anchored([0, 1])).items.tolist() == [3, 2]
