import numpy as np
import pytest
from scipy import sparse

from recsys_pipelines.gram import Gram, NotDefinite, bytes_of, gram, invert, is_narrow


def cells(users, items, seed=0, share=0.1):
    """A random matrix of ones."""
    return sparse.csr_array((np.random.default_rng(seed).random((users, items)) < share).astype(np.float64))


def dense(matrix):
    """All rows of all stripes."""
    return np.concatenate([matrix.stripe(number) for number in range(matrix.stripes)])


@pytest.mark.parametrize("items", [1, 3, 511, 512, 513, 1100])
def test_it_is_the_gram_matrix_with_a_ridge(items):
    had = cells(200, items)

    matrix = gram(had, 7.0)

    expected = (had.T @ had).toarray() + 7.0 * np.eye(items)
    assert np.array_equal(np.tril(dense(matrix)), np.tril(expected))
    assert all(np.array_equal(matrix.columns(n), matrix.stripe(n).T) for n in range(matrix.stripes))
    assert matrix.tiles.nbytes == bytes_of(items)


@pytest.mark.parametrize("items", [1, 3, 511, 512, 513, 1100])
def test_its_inverse_is_that_of_numpy(items):
    had = cells(200, items)

    inverse = invert(gram(had, 7.0))

    expected = np.linalg.inv((had.T @ had).toarray() + 7.0 * np.eye(items))
    np.testing.assert_allclose(dense(inverse), expected, atol=1e-6)
    np.testing.assert_allclose(inverse.diagonal, expected.diagonal(), rtol=1e-5)


def test_the_number_of_threads_does_not_change_a_bit():
    had = cells(300, 1300)

    one, two, five = (invert(gram(had, 7.0), threads).tiles for threads in (1, 2, 5))

    assert one.tobytes() == two.tobytes() == five.tobytes()


def test_at_the_largest_condition_of_float32_three_digits_are_right():
    """Items that nearly everybody has: the worst that co-occurrence can be."""
    had = cells(4000, 90, share=0.95)
    l2 = float((had.T @ had.sum(axis=1)).max()) / 0.99e5

    weights = dense(invert(gram(had, l2)))

    expected = np.linalg.inv((had.T @ had).toarray() + l2 * np.eye(90))
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, expected, atol=1e-3 * abs(expected).max())


def test_a_little_beyond_that_condition_float64_is_taken():
    had = cells(4000, 90, share=0.95)
    largest = float((had.T @ had.sum(axis=1)).max())

    assert gram(had, largest / 0.99e5).tiles.dtype == np.float32
    assert gram(had, largest / 1.01e5).tiles.dtype == np.float64


def test_a_worse_condition_takes_float64():
    had = cells(4000, 90, share=0.95)

    inverse = invert(gram(had, 1e-6))

    expected = np.linalg.inv((had.T @ had).toarray() + 1e-6 * np.eye(90))
    assert not is_narrow(had, 1e-6)
    np.testing.assert_allclose(dense(inverse), expected, atol=1e-9 * abs(expected).max())


def test_what_has_no_inverse_is_refused():
    with pytest.raises(NotDefinite, match="leading minor 2"):
        invert(Gram(np.array([[[1.0, 1.0], [1.0, 1.0]]]), 2))
