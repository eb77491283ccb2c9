import numpy as np
import pytest
from implicit.cpu.topk import topk
from scipy import sparse

from recsys_pipelines.topk import Unwanted, best_of, best_products


def sorted_scores(scores, seen, k):
    """All scores sorted, ties by place, the seen ones gone: the slow way."""
    scores = np.where(seen, -np.inf, scores)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(scores, order, axis=1)
    return np.where(np.isfinite(best), order, -1), best


@pytest.mark.parametrize(
    ("users", "items", "k"),
    [
        pytest.param(300, 5000, 20, id="more than a tile in both directions"),
        pytest.param(5, 7, 7, id="all of few"),
        pytest.param(5, 7, 50, id="more than there are"),
        pytest.param(1, 1, 1, id="one of one"),
    ],
)
def test_it_equals_a_sort_also_where_scores_are_equal(users, items, k):
    rng = np.random.default_rng(1)
    left = rng.integers(0, 4, (users, 5)).astype(np.float32)  # small integers: many ties, and exact products
    right = rng.integers(0, 4, (items, 5)).astype(np.float32)
    seen = rng.random((users, items)) < 0.3

    best = best_products(left, right, k, Unwanted.of(sparse.csr_array(seen)))

    expected, scores = sorted_scores(left @ right.T, seen, k)
    assert best.items.tolist() == expected.tolist()
    assert best.scores.tolist() == scores.tolist()


def test_who_has_seen_everything_gets_nothing():
    best = best_products(np.ones((1, 2)), np.ones((3, 2)), 2, Unwanted.of(sparse.csr_array(np.ones((1, 3)))))

    assert best.items.tolist() == [[-1, -1]]


def test_the_number_of_threads_does_not_change_a_bit():
    rng = np.random.default_rng(2)
    left, right = (rng.normal(size=(count, 16)).astype(np.float32) for count in (700, 3000))
    nothing = Unwanted.nothing(700)

    one, two = (best_products(left, right, 10, nothing, threads=threads) for threads in (1, 3))

    assert one.items.tobytes() == two.items.tobytes()
    assert one.scores.tobytes() == two.scores.tobytes()


def test_it_lists_what_implicit_lists():
    rng = np.random.default_rng(3)
    left, right = (rng.normal(size=(count, 8)).astype(np.float32) for count in (200, 900))
    seen = sparse.csr_matrix((rng.random((200, 900)) < 0.1).astype(np.float32))

    best = best_products(left, right, 10, Unwanted.of(seen))

    peers, scores = topk(right, left, 10, filter_query_items=seen)
    assert best.items.tolist() == peers.tolist()
    assert best.scores == pytest.approx(scores, rel=1e-5)


def test_the_best_of_rows_are_their_highest_numbers():
    best = best_of(np.array([[1.0, 3.0, 3.0, 2.0], [-1.0, -2.0, -3.0, -4.0]]), 2)

    assert best.items.tolist() == [[1, 2], [0, 1]]
    assert best.scores.tolist() == [[3.0, 3.0], [-1.0, -2.0]]
