"""Sparse EASE: the linear model of `ease` where each item is predicted from the items most like it alone."""

from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import FullScores, TrainingData
from recsys_pipelines.kernel import Alone, compiled
from recsys_pipelines.linear import heaviest, ones
from recsys_pipelines.matrix import user_items
from recsys_pipelines.similarity import Pairs, nearest, neighbor_table, rule
from recsys_pipelines.threads import crew

TARGETS = 64  # items that one thread solves before it asks for more


class SparseEase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For each item the ridge regression on the ``candidates`` items of the highest cosine with it.

    EASE (Steck, WWW 2019) solves the same equations with all items; to choose some of them first, by cosine, is fsSLIM
    (Ning & Karypis, SLIM, ICDM 2011). On MovieLens 100k 200 candidates give NDCG@10 .482, 100 give .474, and all of
    them .4855, as EASE. ``l2``, ``weighted`` and ``neighbors`` mean what they mean there.

    Memory grows with the pairs of items that have users in common, 8 bytes each, not with items^2; time with the
    products of the users' cells and with items x ``candidates``^3. ``threads`` 0 means one per core; their number does
    not change the result.
    """

    l2: Annotated[float, msgspec.Meta(gt=0)] = 400.0
    weighted: bool = False
    candidates: Annotated[int, msgspec.Meta(ge=1)] = 200
    neighbors: Annotated[int, msgspec.Meta(ge=1)] | None = 200
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0

    name: ClassVar[str] = "sparse_ease"
    shape: ClassVar[Shape] = "item_neighbors"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The served weights, by item, score descending, neighbour."""
        matrix = user_items(data)
        weights = self._weights(matrix.cells).tocoo()
        pairs = Pairs(weights.row.astype(np.int64), weights.col.astype(np.int64), weights.data)
        return neighbor_table(heaviest(pairs, self.neighbors), matrix.items)

    def scores(self, data: TrainingData) -> FullScores:
        """All weights, times what the users had."""
        matrix = user_items(data)
        cells = matrix.cells if self.weighted else ones(matrix.cells)
        weights = self._weights(matrix.cells)
        return FullScores(matrix.users, matrix.items, lambda start, end: (cells[start:end] @ weights).toarray())

    def _weights(self, cells: Any) -> Any:
        """B as a CSR matrix of items in rows, the predicted items in columns."""
        cells = cells if self.weighted else ones(cells)
        system = _System.of(cells, self.candidates, self.threads)
        solution = np.zeros(len(system.candidates))

        def solve(start: int) -> None:
            end = min(start + TARGETS, cells.shape[1])
            solution[system.bounds[start] : system.bounds[end]] = _solved(system, start, end, self.l2)

        with crew(self.threads) as each:
            each(solve, range(0, cells.shape[1], TARGETS))
        return sparse.csc_array((solution, system.candidates, system.bounds), shape=(cells.shape[1],) * 2).tocsr()


class _System(NamedTuple):
    """The Gram matrix in CSR, sorted, and each item's candidates, sorted, from its bound to that of the next."""

    starts: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    bounds: npt.NDArray[np.int64]
    candidates: npt.NDArray[np.int32]

    @classmethod
    def of(cls, cells: Any, count: int, threads: int) -> "_System":
        by_item, items = cells.T.tocsr(), cells.shape[1]
        squares = np.asarray(cells.multiply(cells).sum(axis=0), np.float64)
        alone = Alone(squares, squares, np.arange(items))
        pairs = nearest(by_item, cells, alone, rule("cosine", cells.shape[0]), limit=count, threads=threads)
        order = np.lexsort((pairs.columns, pairs.rows))
        gram = (by_item.astype(np.float32) @ cells.astype(np.float32)).tocsr()
        gram.sort_indices()
        return cls(
            gram.indptr.astype(np.int64),
            gram.indices.astype(np.int32, copy=False),
            gram.data,
            np.concatenate([[0], np.cumsum(np.bincount(pairs.rows, minlength=items))]),
            pairs.columns[order].astype(np.int32),
        )


def _solved(system: _System, start: int, end: int, l2: float) -> npt.NDArray[np.float64]:
    """The weights of the candidates of items ``start`` to ``end``; equations are filled up to one size with x = 0."""
    lengths = np.diff(system.bounds[start : end + 1])
    size = max(lengths.max(), 1)
    left, right = np.tile(l2 * np.eye(size), (end - start, 1, 1)), np.zeros((end - start, size, 1))
    _fill(system, start, left, right)
    filled = np.arange(size) < lengths[:, None]
    return np.asarray(np.linalg.solve(left, right)[:, :, 0][filled], np.float64)


@compiled
def _fill(system: _System, start: int, left: Any, right: Any) -> None:
    """Add what the candidates of each item have in common, and put what they have with the item."""
    for target in range(len(left)):
        chosen = system.candidates[system.bounds[start + target] : system.bounds[start + target + 1]]
        for row in range(len(chosen)):
            place, stop = system.starts[chosen[row]], system.starts[chosen[row] + 1]
            right[target, row, 0] = system.values[_search(system.columns, place, stop, start + target)]
            for column in range(row, len(chosen)):
                place = _search(system.columns, place, stop, chosen[column])
                if place < stop and system.columns[place] == chosen[column]:
                    left[target, row, column] += system.values[place]
                    left[target, column, row] = left[target, row, column]


@compiled
def _search(columns: Any, low: int, high: int, wanted: int) -> Any:
    """The first place, from ``low`` on, whose column is not below the wanted one."""
    while low < high:
        middle = (low + high) // 2
        if columns[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


ALGORITHM = SparseEase
