"""EASE: a linear model that predicts each item of a user from the user's other items, in closed form."""

import logging
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
import polars as pl

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import FullScores, InvalidTrainingData, TrainingData
from recsys_pipelines.algorithms.sparse_ease import SparseEase
from recsys_pipelines.gram import Floats, Gram, NotDefinite, bytes_of, gram, invert, is_narrow
from recsys_pipelines.linear import NO_PAIRS, heaviest, ones
from recsys_pipelines.matrix import Matrix, user_items
from recsys_pipelines.similarity import Pairs, neighbor_table
from recsys_pipelines.topk import best_of

LOG = logging.getLogger(__name__)
MEGABYTE = 10**6


class Ease(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Weights B with X ~ X B, the least squares with ``l2`` on the weights and none from an item to itself.

    With P = (X'X + l2 I)^-1 the weight from item i to item j is -P_ij / P_jj (Steck, Embarrassingly Shallow
    Autoencoders for Sparse Data, WWW 2019). X says that a user had an item or, if ``weighted``, by how much. Of each
    item the ``neighbors`` largest weights are served (None: all), best first: by magnitude, for the negative ones
    say what not to show. On MovieLens 100k 200 of 1,682 keep .483 of NDCG@10 .4855; without the negative ones all
    the others reach .469. A good ``l2`` grows with the users: 100 to 1,000 for thousands.

    Time grows with the cube of the items, memory with their square: 2 bytes x items^2, and twice as much where float32
    does not do. A catalog beyond ``memory_budget_mb`` is left to `sparse_ease`, and the log says so.
    ``threads`` 0 means one per core; their number does not change the result.
    """

    l2: Annotated[float, msgspec.Meta(gt=0)] = 400.0
    weighted: bool = False
    neighbors: Annotated[int, msgspec.Meta(ge=1)] | None = 200
    memory_budget_mb: Annotated[int, msgspec.Meta(ge=1)] = 4_000
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0

    name: ClassVar[str] = "ease"
    shape: ClassVar[Shape] = "item_neighbors"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The served weights, by item, score descending, neighbour. Raises ``InvalidTrainingData``."""
        matrix = user_items(data)
        if self._is_too_large(matrix):
            return self._sparse.fit(data)
        inverse = self._inverse(matrix)
        stripes = [_heaviest(inverse, number, self.neighbors) for number in range(inverse.stripes)]
        pairs = Pairs(*(np.concatenate(column) for column in zip(NO_PAIRS, *stripes, strict=True)))
        return neighbor_table(pairs, matrix.items)

    def scores(self, data: TrainingData) -> FullScores:
        """All weights, times what the users had. Raises ``InvalidTrainingData``."""
        matrix = user_items(data)
        if self._is_too_large(matrix):
            return self._sparse.scores(data)
        inverse, cells = self._inverse(matrix), self._cells(matrix)

        def block(start: int, end: int) -> Floats:
            """X B = X - X P / diag(P): B, which has as many numbers as P, is not made again for every block."""
            had, scores = cells[start:end], np.empty((end - start, inverse.order), inverse.tiles.dtype)
            for number in range(inverse.stripes):
                first, last = inverse.bounds(number)
                scores[:, first:last] = had @ inverse.columns(number)
            scores /= -inverse.diagonal
            scores[np.repeat(np.arange(end - start), np.diff(had.indptr)), had.indices] += had.data
            return scores

        return FullScores(matrix.users, matrix.items, block)

    @property
    def _sparse(self) -> SparseEase:
        return SparseEase(l2=self.l2, weighted=self.weighted, neighbors=self.neighbors, threads=self.threads)

    def _is_too_large(self, matrix: Matrix) -> bool:
        cells, items = self._cells(matrix), len(matrix.items)
        needed = bytes_of(items, 4 if not items or is_narrow(cells, self.l2) else 8)
        if needed > self.memory_budget_mb * MEGABYTE:
            LOG.warning(
                "ease: %d items need %d MB, more than memory_budget_mb %d: sparse_ease is fitted instead, with %d"
                " candidates an item",
                items,
                needed // MEGABYTE,
                self.memory_budget_mb,
                self._sparse.candidates,
            )
        return needed > self.memory_budget_mb * MEGABYTE

    def _cells(self, matrix: Matrix) -> Any:
        return matrix.cells if self.weighted else ones(matrix.cells)

    def _inverse(self, matrix: Matrix) -> Gram:
        try:
            return invert(gram(self._cells(matrix), self.l2), self.threads)
        except NotDefinite as error:
            raise InvalidTrainingData(f"ease: l2 {self.l2} is too small for these weights: {error}") from error


def _weights(inverse: Gram, number: int) -> Floats:
    """The weights from a stripe's items to all items."""
    start, end = inverse.bounds(number)
    weights: Floats = inverse.stripe(number) / -inverse.diagonal
    weights[np.arange(end - start), np.arange(start, end)] = 0
    return weights


def _heaviest(inverse: Gram, number: int, limit: int | None) -> Pairs:
    """What a stripe's items serve."""
    start, _ = inverse.bounds(number)
    weights = _weights(inverse, number)
    if limit is None or limit >= inverse.order:
        rows, columns = np.nonzero(weights)
    else:
        columns = best_of(abs(weights), limit).items.astype(np.int64)
        rows = np.repeat(np.arange(len(weights)), limit)
        columns = columns.ravel()
    pairs = Pairs(rows, columns, weights[rows, columns].astype(np.float64))
    rows, columns, scores = heaviest(pairs, limit)
    return Pairs(rows + start, columns, scores)


ALGORITHM = Ease
