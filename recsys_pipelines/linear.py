"""What the linear item models have in common: weights from items to items, of which a part is served."""

from typing import Any

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from recsys_pipelines.similarity import Pairs

NO_PAIRS = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def ones(cells: Any) -> Any:
    """The matrix with a one for every cell."""
    return sparse.csr_array((np.ones_like(cells.data), cells.indices, cells.indptr), shape=cells.shape)


def heaviest(pairs: Pairs, limit: int | None) -> Pairs:
    """Of each row the ``limit`` (None: all) largest scores by magnitude; then by row, score descending, column.

    Ties go to the smaller column, and scores of zero are none.
    """
    pairs = _take(pairs, pairs.scores != 0)
    if limit is not None:
        order = np.lexsort((pairs.columns, -abs(pairs.scores), pairs.rows))
        starts = np.concatenate([[0], np.cumsum(np.bincount(pairs.rows))])[pairs.rows[order]]
        pairs = _take(pairs, order[np.arange(len(order)) - starts < limit])
    return _take(pairs, np.lexsort((pairs.columns, -pairs.scores, pairs.rows)))


def _take(pairs: Pairs, rows: Any) -> Pairs:
    return Pairs(pairs.rows[rows], pairs.columns[rows], pairs.scores[rows])
