"""The best items of every row of scores, exactly: best first, equal scores by item, unwanted items left out.

Scores are products of user and item vectors, a tile that fits a core's cache at a time; a number is looked at twice
only if it beats the row's least kept one, and only then is it asked whether the user has seen it. Tiles do not depend
on the number of threads. Time grows with users x items x factors, memory with users x ``k``.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_pipelines.kernel import compiled, sink, sort
from recsys_pipelines.threads import crew

USERS, ITEMS = 256, 1024  # of a tile: 1 MB of float32
CHUNK = 64  # scores that are compared with the least kept one before one of them is looked at

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
    order = np.argsort(-np.square(items).sum(axis=1), kind="stable").astype(np.int32)  # the long ones score high
    ordered = items[order]

    def rank(start: int) -> None:
        end = min(start + USERS, len(users))
        bounds, tile = unwanted.indptr[start : end + 1], np.empty((end - start) * ITEMS, users.dtype)
        for first in range(0, len(items), ITEMS):
            near, ids = ordered[first : first + ITEMS], order[first : first + ITEMS]
            scores = tile[: (end - start) * len(ids)].reshape(end - start, len(ids))
            np.matmul(users[start:end], near.T, out=scores)
            _keep(scores, ids, bounds, unwanted.indices, best.items[start:end], best.scores[start:end])
        _sort(best.items[start:end], best.scores[start:end])

    with crew(threads) as each:
        each(rank, range(0, len(users), USERS))
    return best


def best_of(scores: Floats, k: int) -> Best:
    """The ``k`` highest numbers of every row; a row has a column for every item."""
    unwanted = Unwanted.nothing(len(scores))
    best = _empty(len(scores), min(k, scores.shape[1]), scores.dtype)
    ids = np.arange(scores.shape[1], dtype=np.int32)
    _keep(scores, ids, unwanted.indptr, unwanted.indices, best.items, best.scores)
    _sort(best.items, best.scores)
    return best


def _empty(rows: int, k: int, dtype: Any) -> Best:
    return Best(np.full((rows, k), -1, np.int32), np.full((rows, k), -np.inf, dtype))


@compiled
def _keep(scores: Any, ids: Any, indptr: Any, indices: Any, items: Any, values: Any) -> None:  # noqa: PLR0917
    """Put the scores of the items ``ids`` into the rows' heaps, whose roots are the worst."""
    whole = len(ids) // CHUNK * CHUNK
    for row in range(scores.shape[0]):
        line, kept, heap = scores[row], items[row], values[row]
        unwanted = indices[indptr[row] : indptr[row + 1]]
        for start in range(0, whole, CHUNK):
            reached = np.int32(0)
            for place in range(start, start + CHUNK):  # of known length: a few instructions
                reached += np.int32(line[place] >= heap[0])
            if reached:
                _take(line[start : start + CHUNK], ids[start : start + CHUNK], unwanted, kept, heap)
        _take(line[whole:], ids[whole:], unwanted, kept, heap)


@compiled
def _take(scores: Any, ids: Any, unwanted: Any, kept: Any, heap: Any) -> None:  # noqa: PLR0917
    """Let in what is better than the root, equal scores by id, and is wanted."""
    for place in range(len(ids)):
        score = scores[place]
        if score > heap[0] or (score == heap[0] and ids[place] < kept[0]):
            known = np.searchsorted(unwanted, ids[place])
            if known == len(unwanted) or unwanted[known] != ids[place]:
                kept[0], heap[0] = ids[place], score
                sink(kept, heap, 0, len(heap))


@compiled
def _sort(items: Any, values: Any) -> None:
    """From heaps to lists, the best first."""
    for row in range(items.shape[0]):
        sort(items[row], values[row], items.shape[1])
