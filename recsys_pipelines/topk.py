"""The best items of every row of scores, exactly: best first, equal scores by item, unwanted items left out.

Scores are products of user and item vectors, a tile that fits a core's cache at a time; a number is looked at twice
only if it beats the row's least kept one, and only then is it asked whether the user has seen it. Tiles do not depend
on the number of threads. Time grows with users x items x factors, memory with users x ``k``.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_pipelines.kernel import compiled
from recsys_pipelines.threads import crew

USERS, ITEMS = 128, 2048  # of a tile: 1 MB of float32
CHUNK = 64  # scores that are compared with the least kept one before anything is decided about one of them

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.int32]


class Best(NamedTuple):
    """For every row its ``k`` best: items by place, -1 where there are no more, and their scores."""

    items: Indices
    scores: Floats


class Unwanted(NamedTuple):
    """Items that a row must not have, as the index arrays of a CSR matrix with sorted indices."""

    indptr: Indices
    indices: Indices

    @classmethod
    def of(cls, cells: Any) -> "Unwanted":
        """Where the matrix has cells."""
        return cls(cells.indptr.astype(np.int64), cells.indices.astype(np.int32))

    @classmethod
    def nothing(cls, rows: int) -> "Unwanted":
        """Every item is wanted."""
        return cls(np.zeros(rows + 1, np.int64), np.empty(0, np.int32))


def best_products(users: Floats, items: Floats, k: int, unwanted: Unwanted, *, threads: int = 0) -> Best:
    """The ``k`` items with the highest dot products for every user; ``users`` and ``items`` are rows of vectors."""
    best = _empty(len(users), min(k, len(items)), users.dtype)

    def rank(start: int) -> None:
        end = min(start + USERS, len(users))
        tile = np.empty((end - start, ITEMS), users.dtype)
        for first in range(0, len(items), ITEMS):
            scores = tile[:, : min(ITEMS, len(items) - first)]
            np.matmul(users[start:end], items[first : first + ITEMS].T, out=scores)
            bounds = unwanted.indptr[start : end + 1]
            _keep(scores, first, bounds, unwanted.indices, best.items[start:end], best.scores[start:end])

    with crew(threads) as each:
        each(rank, range(0, len(users), USERS))
    return best


def best_of(scores: Floats, k: int) -> Best:
    """The ``k`` highest numbers of every row; a row has a column for every item."""
    unwanted = Unwanted.nothing(len(scores))
    best = _empty(len(scores), min(k, scores.shape[1]), scores.dtype)
    _keep(scores, 0, unwanted.indptr, unwanted.indices, best.items, best.scores)
    return best


def _empty(rows: int, k: int, dtype: Any) -> Best:
    return Best(np.full((rows, k), -1, np.int32), np.full((rows, k), -np.inf, dtype))


@compiled
def _keep(scores: Any, first: int, indptr: Any, indices: Any, items: Any, values: Any) -> None:  # noqa: PLR0917
    """Put the scores of items ``first``... into the rows' lists; those that were put before have smaller ids."""
    last = items.shape[1] - 1
    for row in range(scores.shape[0]):
        least = values[row, last]
        for start in range(0, scores.shape[1], CHUNK):
            end = min(start + CHUNK, scores.shape[1])
            better = 0
            for column in range(start, end):
                better += scores[row, column] > least
            if better:
                for column in range(start, end):
                    score = scores[row, column]
                    if score > least and not _has(indices, indptr[row], indptr[row + 1], first + column):
                        _insert(items[row], values[row], first + column, score)
                        least = values[row, last]


@compiled
def _has(indices: Any, low: int, end: int, item: int) -> Any:
    high = end
    while low < high:
        middle = (low + high) // 2
        if indices[middle] < item:
            low = middle + 1
        else:
            high = middle
    return low < end and indices[low] == item


@compiled
def _insert(items: Any, values: Any, item: int, score: float) -> None:
    place = len(items) - 1
    while place and values[place - 1] < score:
        items[place], values[place] = items[place - 1], values[place - 1]
        place -= 1
    items[place], values[place] = item, score
