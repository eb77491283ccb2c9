import numpy as np

from recsys_pipelines.linear import heaviest
from recsys_pipelines.similarity import Pairs

PAIRS = Pairs(
    np.array([1, 0, 0, 0, 1, 1, 2]), np.array([0, 3, 2, 1, 2, 3, 0]), np.array([-3.0, 1.0, 1.0, 0.0, 2.0, -2.0, 0.5])
)


def rows(pairs):
    """The pairs as tuples."""
    return list(zip(*(column.tolist() for column in pairs), strict=True))


def test_the_largest_are_kept_by_magnitude_and_come_by_score():
    assert rows(heaviest(PAIRS, 2)) == [(0, 2, 1.0), (0, 3, 1.0), (1, 2, 2.0), (1, 0, -3.0), (2, 0, 0.5)]


def test_ties_go_to_the_smaller_column():
    assert rows(heaviest(PAIRS, 1)) == [(0, 2, 1.0), (1, 0, -3.0), (2, 0, 0.5)]


def test_without_a_limit_all_but_zeros_are_kept():
    assert rows(heaviest(PAIRS, None)) == [
        (0, 2, 1.0),
        (0, 3, 1.0),
        (1, 2, 2.0),
        (1, 3, -2.0),
        (1, 0, -3.0),
        (2, 0, 0.5),
    ]
