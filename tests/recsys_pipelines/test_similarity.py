import numpy as np
import pytest
from scipy import sparse, stats

from recsys_pipelines.kernel import Alone
from recsys_pipelines.similarity import nearest, rule

NOBODY = -1


def matrix(seed, shape=(30, 40), weighted=True):
    """A random one, of small whole numbers, which make ties."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(1, 4, shape) if weighted else np.ones(shape)
    return sparse.csr_array(np.where(rng.random(shape) < 0.3, cells, 0).astype(float))


def alone(left, right):
    """Nothing alone, and no row that is a column."""
    return Alone(np.ones(left.shape[0]), np.ones(right.shape[1]), np.full(left.shape[0], NOBODY))


def rows(pairs):
    """Each pair as (row, column, score)."""
    return list(zip(*(column.tolist() for column in pairs), strict=True))


def brute(product, limit):
    """The cells above 0 of a dense product, the best of each row first."""
    found = []
    for row, scores in enumerate(product):
        order = np.lexsort((np.arange(len(scores)), -scores))
        found += [(row, int(near), float(scores[near])) for near in order[:limit] if scores[near] > 0]
    return found


@pytest.mark.parametrize("limit", [1, 3, 7, None], ids=str)
@pytest.mark.parametrize("weighted", [False, True], ids=["ones", "weights"])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_a_product_are_those_of_the_whole_one(seed, weighted, limit):
    left, right = matrix(seed, (20, 30), weighted), matrix(seed + 100, (30, 50), weighted)

    pairs = nearest(left, right, alone(left, right), rule("count", 30), limit=limit)

    assert rows(pairs) == brute((left @ right).toarray(), limit)


@pytest.mark.parametrize("weighted", [False, True], ids=["ones", "weights"])
@pytest.mark.parametrize("limit", [1, 2, 5, 20])
def test_the_root_that_is_spared_changes_no_cosine(limit, weighted):
    left, right = matrix(1, (25, 30), weighted), matrix(2, (30, 60), weighted)
    lengths = Alone((left * left).sum(axis=1), (right * right).sum(axis=0), np.full(25, NOBODY))

    pairs = nearest(left, right, lengths, rule("cosine", 30, shrinkage=1.0), limit=limit)

    support = ((left > 0).astype(float) @ (right > 0).astype(float)).toarray()
    cosines = (left @ right).toarray() / np.sqrt(np.outer(lengths.row, lengths.column))
    assert rows(pairs) == brute(cosines * support / (support + 1), limit)


def test_blocks_and_threads_do_not_change_a_bit():
    """4.3 million products are more than one block; a row alone is a block of its own."""
    left, right = matrix(3, (400, 300)) * 0.1, matrix(4, (300, 400)) * 0.7
    by = rule("count", 300)

    one, many = (nearest(left, right, alone(left, right), by, limit=5, threads=threads) for threads in (1, 3))

    assert rows(one) == rows(many)
    for row in (0, 199, 200, 399):
        single = nearest(left[[row]], right, alone(left[[row]], right), by, limit=5)
        assert rows(single) == [(0, near, score) for place, near, score in rows(one) if place == row]


@pytest.mark.parametrize("seed", range(5))
def test_significance_is_the_log_likelihood_ratio_of_the_two_by_two_table(seed):
    rng = np.random.default_rng(seed)
    baskets = sparse.csr_array((rng.random((60, 12)) < 0.3).astype(float))
    counts = baskets.sum(axis=0)
    lengths = Alone(counts, counts, np.arange(12))
    by = rule("lift", 60, significance=1.5)

    found = {(one, other) for one, other, _ in rows(nearest(baskets.T.tocsr(), baskets, lengths, by, limit=None))}

    expected = set()
    for one, other in ((a, b) for a in range(12) for b in range(12) if a != b):
        table = stats.contingency.crosstab(*baskets[:, [one, other]].toarray().T).count
        ratio = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
        if ratio >= 1.5 and table[1, 1] * 60 > counts[one] * counts[other]:
            expected.add((one, other))
    assert found == expected
    assert 0 < len(expected) < 12 * 11 / 2


def test_the_row_itself_is_left_out():
    square = sparse.csr_array(np.ones((3, 3)))

    pairs = nearest(
        square, square, alone(square, square)._replace(own=np.array([0, NOBODY, 2])), rule("count", 3), limit=2
    )

    assert rows(pairs) == [(0, 1, 3.0), (0, 2, 3.0), (1, 0, 3.0), (1, 1, 3.0), (2, 0, 3.0), (2, 1, 3.0)]


@pytest.mark.parametrize(
    ("shape", "limit"),
    [((0, 5), 3), ((5, 0), 3), ((0, 0), None), ((4, 4), 2)],
    ids=["no rows", "no terms", "nothing", "no cells"],
)
def test_where_nothing_meets_there_are_no_pairs(shape, limit):
    left = sparse.csr_array(shape)
    right = sparse.csr_array((shape[1], 6))

    pairs = nearest(left, right, alone(left, right), rule("count", 1), limit=limit)

    assert rows(pairs) == []


def test_scores_of_zero_or_that_are_no_numbers_are_none():
    left, right = sparse.csr_array(np.array([[1.0]])), sparse.csr_array(np.array([[2.0, 1.0]]))
    right.data[0] = 0.0

    pairs = nearest(
        left, right, Alone(np.ones(1), np.array([0.0, 1.0]), np.array([NOBODY])), rule("cosine", 1), limit=2
    )

    assert rows(pairs) == [(0, 1, 1.0)]
