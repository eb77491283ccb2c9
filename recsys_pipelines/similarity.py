"""The nearest columns of every row of a product of two sparse matrices, exactly, without ever holding the product.

A row of ``left @ right`` is added up in a dense row of sums (Gustavson, ACM TOMS 1978), turned into scores, and only
the best are kept. Higher scores are nearer, ties go to the smaller column, and scores of 0 are none. Rows do not depend
on each other, so neither blocks nor threads change a bit of any result. Time grows with the products of cells; memory
with the result and, for each thread, with the columns.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_pipelines.algorithm import schema
from recsys_pipelines.kernel import LIKENESSES, SHORT, Alone, Csr, Floats, Found, Indices, Rule, Task, search
from recsys_pipelines.threads import crew
from recsys_pipelines.topk import best_of

Likeness = Literal["count", "cosine", "jaccard", "lift", "confidence", "surprise"]

PRODUCTS_PER_BLOCK = 2_000_000
CELLS_PER_BLOCK = 4_000_000  # of a block's result: 48 MB


class Pairs(NamedTuple):
    """Rows and their nearest columns: three arrays of one length, by row, score descending, column."""

    rows: Indices
    columns: Indices
    scores: Floats

    def where(self, kept: npt.NDArray[np.bool_]) -> "Pairs":
        """Those for which this is true."""
        return Pairs(self.rows[kept], self.columns[kept], self.scores[kept])

    def head(self, limit: int | None) -> "Pairs":
        """The first ``limit`` (None: all) of every row."""
        if limit is None:
            return self
        return self.where(np.arange(len(self.rows)) - np.searchsorted(self.rows, self.rows) < limit)


def rule(likeness: Likeness, total: int, **limits: Any) -> Rule:
    """The rule with this likeness and these other fields of ``Rule``."""
    return Rule(LIKENESSES.index(likeness), float(total), **limits)


def nearest(left: Any, right: Any, alone: Alone, by: Rule, *, limit: int | None, threads: int = 0) -> Pairs:
    """The ``limit`` (None: all) best columns of each row of ``left @ right``, two CSR arrays of weights.

    ``threads`` 0 means one per core.
    """
    weighted = bool((left.data != 1).any() or (right.data != 1).any())
    task = Task(_csr(left, weighted), _csr(right, weighted), alone, by)
    columns = right.shape[1]
    width = columns if limit is None or limit > SHORT else min(limit, columns)
    spans = _spans(left, right, width)
    with crew(threads) as each:
        blocks = each(lambda number: _block(task, width, spans[number]).head(limit), range(len(spans)))
    none = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    return Pairs(*(np.concatenate(column) for column in zip(none, *blocks, strict=True)))


def best_pairs(rows: Indices, scores: Floats, limit: int) -> Pairs:
    """The ``limit`` best columns of each of these rows that score above 0; ``scores`` are dense, a line for each."""
    best = best_of(scores, limit)
    kept = best.scores > 0
    values = best.scores[kept].astype(np.float64, copy=False)
    return Pairs(np.repeat(rows, kept.sum(axis=1)), best.items[kept].astype(np.int64), values)


def neighbor_table(pairs: Pairs, items: pl.Series) -> pl.DataFrame:
    """Pairs of items, by their places in ``items``, as a table of shape ``item_neighbors``."""
    return pl.DataFrame(
        {"item_id": items.gather(pairs.rows), "neighbor_id": items.gather(pairs.columns), "score": pairs.scores},
        schema=schema("item_neighbors"),
    )


def _csr(matrix: Any, weighted: bool) -> Csr:
    return Csr(
        matrix.indptr.astype(np.uint64),
        matrix.indices.astype(np.uint32),
        matrix.data.astype(np.float64, copy=False) if weighted else np.empty(0),
    )


def _spans(left: Any, right: Any, width: int) -> Sequence[tuple[int, int]]:
    """Runs of rows whose products number about ``PRODUCTS_PER_BLOCK``, with a bounded result; at least one row each."""
    before = np.concatenate([[0], np.cumsum(np.diff(right.indptr)[left.indices], dtype=np.int64)])
    ends = np.flatnonzero(np.diff(before[left.indptr[1:]] // PRODUCTS_PER_BLOCK)) + 1
    longest = max(1, CELLS_PER_BLOCK // max(width, 1))
    return list(pairwise(sorted({0, left.shape[0], *ends.tolist(), *range(0, left.shape[0], longest)})))


def _block(task: Task, width: int, span: tuple[int, int]) -> Pairs:
    start, end = span
    rows = end - start
    found = Found(start, np.empty((rows, width), np.uint32), np.empty((rows, width)), np.zeros(rows, np.int64))
    search(task, found)
    kept = np.arange(width) < found.lengths[:, None]
    columns = found.columns[kept].astype(np.int64)
    pairs = Pairs(np.repeat(np.arange(start, end), found.lengths), columns, found.scores[kept])
    if width <= SHORT:
        return pairs
    order = np.lexsort((pairs.columns, -pairs.scores, pairs.rows))
    return Pairs(pairs.rows, pairs.columns[order], pairs.scores[order])
