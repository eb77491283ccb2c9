"""The source of vectors: exact dot products, folding in, and directions."""

import numpy as np
import pytest

from recsys_algo.candidates import PERSONAL, SESSION, Ask

ROWS = [
    ("item", "a", [1.0, 0.0]),
    ("item", "b", [0.9, 0.1]),
    ("item", "c", [0.0, 2.0]),
    ("item", "d", [0.0, 0.0]),
    ("user", "ann", [1.0, 0.2]),
]


def asked(subjects=(), anchors=(), weights=None, **changes):
    weights = np.ones(len(anchors)) if weights is None else np.array(weights)
    return Ask(subjects, "default", np.array(anchors, np.int64), weights, **({"depth": 200} | changes))


@pytest.fixture
def vectors(shop):
    return shop("abcde", als=ROWS).sources["als"]


def test_a_known_user_gets_items_by_dot_product(vectors):
    pool = vectors.pool(asked(("ann",)))

    assert pool.items.tolist() == [0, 1, 2, 3]  # 1, .92, .4, 0; e has no vector
    assert (pool.level, pool.reason) == (PERSONAL, "collaborative")


def test_an_unknown_user_is_folded_in_from_the_anchors(vectors):
    pool = vectors.pool(asked(("new",), [0, 2], [1.0, 3.0]))

    assert pool.items.tolist() == [1, 3]  # wanted is [.25, 1.5]: b .375, d 0; the anchors themselves are not wanted
    assert (pool.level, pool.reason) == (SESSION, "embedding_similarity")


def test_an_unknown_user_without_anchors_gets_nothing(vectors):
    assert vectors.pool(asked(("new",))).items.tolist() == []


@pytest.mark.parametrize(
    "anchors",
    [pytest.param([4], id="no vector"), pytest.param([], id="none")],
)
def test_anchors_without_vectors_fold_in_nothing(vectors, anchors):
    assert vectors.pool(asked((), anchors)).items.tolist() == []


def test_anchors_of_weight_zero_fold_in_nothing(vectors):
    assert vectors.pool(asked((), [0], [0.0])).items.tolist() == []


def test_similar_items_are_of_similar_direction_however_long(shop):
    rows = [("item", "a", [1.0, 0.0]), ("item", "b", [0.1, 0.0]), ("item", "c", [5.0, 5.0])]
    vectors = shop("abc", als=rows).sources["als"]

    assert vectors.pool(asked((), [0], cosine=True)).items.tolist() == [1, 2]
    assert vectors.pool(asked((), [0])).items.tolist() == [2, 1]


def test_nearly_equal_scores_go_by_id(shop):
    rows = [("item", "a", [1.0]), ("item", "b", [1.0 + 1e-7]), ("item", "c", [1.1]), ("user", "ann", [1.0])]
    vectors = shop("abc", als=rows).sources["als"]

    assert vectors.pool(asked(("ann",))).items.tolist() == [2, 0, 1]


def test_a_cut_pool_is_the_head_of_the_whole_one(shop):
    rng = np.random.default_rng(5)
    ids = [f"i{number:03}" for number in range(500)]
    rows = [("item", id, rng.normal(size=8).tolist()) for id in ids] + [("user", "ann", rng.normal(size=8).tolist())]
    vectors = shop(ids, als=rows).sources["als"]
    exact = np.array([row[2] for row in rows[:-1]]) @ np.array(rows[-1][2])

    whole = vectors.pool(asked(("ann",), depth=500)).items.tolist()

    assert whole == np.argsort(-exact, kind="stable").tolist()
    assert vectors.pool(asked(("ann",), depth=7)).items.tolist() == whole[:7]


@pytest.mark.parametrize(
    ("best", "step"),
    [pytest.param(2.0, 4e-7, id="nearly equal scores"), pytest.param(-2.0, 1e-3, id="scores below zero")],
)
def test_the_head_of_many_scores_is_that_of_the_whole_pool(shop, best, step):
    ids = [f"i{number:03}" for number in range(400)]
    rows = [("item", id, [best - number % 25 * step]) for number, id in enumerate(ids)] + [("user", "ann", [1.0])]
    vectors = shop(ids, als=rows).sources["als"]

    whole, *heads = (vectors.pool(asked(("ann",), depth=depth)).items.tolist() for depth in (400, 1, 5, 10))

    assert whole != sorted(whole)
    assert heads == [whole[:1], whole[:5], whole[:10]]


def test_items_that_are_not_allowed_leave_room_for_others(vectors):
    allowed = np.array([False, True, True, True, True])

    assert vectors.pool(asked(("ann",), depth=1, allowed=allowed)).items.tolist() == [1]


def test_a_table_without_vectors_proposes_nothing(shop):
    vectors = shop("ab", als=[]).sources["als"]

    assert vectors.pool(asked(("ann",), [0])).items.tolist() == []


def test_an_item_without_a_vector_has_no_direction(vectors):
    assert vectors.directions(np.array([2, 3, 4])).tolist() == [[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
