"""iALS: matrix factorization by alternating least squares whose regularization follows how much is known of a row."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.factors import Factors, Start, started, table
from recsys_pipelines.matrix import Matrix, user_items
from recsys_pipelines.threads import Each, crew

CELLS = 16_384  # that one thread takes at a time: with 64 factors, some 50 MB

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


class Ials(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="algorithm", tag="ials"):
    """One vector per user and per item that has interactions; their dot product s is the preference.

    The loss is (1 - s)^2 over the pairs that interacted, ``unobserved`` x s^2 over all pairs, and ``regularization`` x
    (pairs of the row + ``unobserved`` x other rows)^``scaling`` x length^2 of each vector (Rendle, Krichene, Zhang &
    Koren, Revisiting the Performance of iALS on Item Recommendation Benchmarks, RecSys 2022). With ``scaling`` 0 it is
    the loss of `als`; 1 regularizes each pair alike, so that what is known well is not held back for what is not. If
    ``weighted``, a pair counts as often as its weight says. The defaults have NDCG@10 .490 on MovieLens 100k (EASE:
    .4855), but were chosen after a look at that test, as at MovieTweetings'; on folds of train alone searches of up to
    20 trials did not beat them (docs/explanation/quality.md).

    Each half step is solved exactly, in float64; ``threads`` 0 means one per core, and their number does not change the
    result. Where training is incremental the vectors of the last run are where ``warm_iterations`` begin. Time grows
    with pairs x factors^2 + (users + items) x factors^3, memory with (users + items) x factors.
    """

    factors: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 32
    regularization: Annotated[float, msgspec.Meta(gt=0)] = 0.015
    unobserved: Annotated[float, msgspec.Meta(gt=0)] = 0.3
    scaling: Annotated[float, msgspec.Meta(ge=0, le=2)] = 1.0
    iterations: Annotated[int, msgspec.Meta(ge=1)] = 16
    warm_iterations: Annotated[int, msgspec.Meta(ge=1)] = 4
    weighted: bool = False
    half_life_days: Annotated[float, msgspec.Meta(gt=0)] | None = None
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0

    name: ClassVar[str] = "ials"
    shape: ClassVar[Shape] = "vectors"

    def __post_init__(self) -> None:
        if self.half_life_days is not None and not self.weighted:
            raise ValueError("half_life_days has no effect unless weighted is true")

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The vectors of the items, then of the users, each by id."""
        return table(self.learned(data))

    def learned(self, data: TrainingData) -> Factors | None:
        """The same as arrays; None without interactions."""
        matrix = user_items(data, self.half_life_days)
        return self._learned(matrix, self._start(matrix, data)) if matrix.cells.nnz else None

    def _start(self, matrix: Matrix, data: TrainingData) -> Start:
        rng, deviation = np.random.default_rng(data.seed), 0.1 / np.sqrt(self.factors)
        users, items = (rng.normal(0, deviation, (rows, self.factors)) for rows in matrix.cells.shape)
        return started(matrix, data.previous, users, items)

    def _learned(self, matrix: Matrix, start: Start) -> Factors:
        users, items = start.users, start.items
        by_user, by_item = self._side(matrix.cells), self._side(matrix.cells.T.tocsr())
        with crew(self.threads) as each:
            for _ in range(self.warm_iterations if start.warm else self.iterations):
                users = self._solved(by_user, items, each)
                items = self._solved(by_item, users, each)
        return Factors(matrix, users.astype(np.float32), items.astype(np.float32))

    def _side(self, cells: Any) -> "_Side":
        confidence = cells.data if self.weighted else np.ones(cells.nnz)
        known = np.add.reduceat(confidence, cells.indptr[:-1]) + self.unobserved * cells.shape[1]
        return _Side(cells.indptr, cells.indices, confidence, self.regularization * known**self.scaling)

    def _solved(self, side: "_Side", others: Any, each: Each) -> Floats:
        everywhere, padded = self.unobserved * (others.T @ others), np.vstack([others, np.zeros(self.factors)])
        vectors, groups = np.empty((len(side.ridges), self.factors)), list(_groups(side.lengths))

        def solve(number: int) -> None:
            vectors[groups[number]] = _exact(side, groups[number], padded, everywhere)

        each(solve, range(len(groups)))
        return vectors


class _Side(NamedTuple):
    """The rows to solve: their cells in CSR with how often each counts, and what is added to the diagonal of a row."""

    starts: Places
    columns: Places
    confidence: Floats
    ridges: Floats

    @property
    def lengths(self) -> Places:
        """How many cells a row has."""
        return np.diff(self.starts)


def _groups(lengths: Places) -> Iterator[Places]:
    """Rows by the power of two that their cells are filled up to, at most about ``CELLS`` cells at a time."""
    filled = 1 << np.ceil(np.log2(lengths)).astype(np.int64)
    for width in np.unique(filled).tolist():
        rows = np.flatnonzero(filled == width)
        yield from np.array_split(rows, -(-len(rows) * width // CELLS))


def _exact(side: _Side, rows: Places, others: Floats, everywhere: Floats) -> Floats:
    """The normal equations of the rows: (everywhere + Y'CY + ridge I) x = Y'c; the last of the others is zero."""
    lengths = side.lengths[rows]
    place = np.arange(lengths.max())
    cells = np.minimum(side.starts[rows, None] + place, len(side.columns) - 1)
    own = place < lengths[:, None]
    near = others[np.where(own, side.columns[cells], -1)]
    counted = near * np.where(own, side.confidence[cells], 0)[:, :, None]
    left = near.transpose(0, 2, 1) @ counted + everywhere + side.ridges[rows, None, None] * np.eye(len(everywhere))
    solution: Floats = np.linalg.solve(left, counted.sum(axis=1)[:, :, None])[:, :, 0]
    return solution


ALGORITHM = Ials
