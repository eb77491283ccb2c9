"""BPR: matrix factorization that learns to rank what a user had before what the user had not."""

from typing import Annotated, ClassVar

import msgspec
import numpy as np
import polars as pl
from implicit.bpr import BayesianPersonalizedRanking  # type: ignore[import-untyped]  # no stubs
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.factors import Factors, Start, started, table
from recsys_pipelines.matrix import Matrix, user_items


class Bpr(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="algorithm", tag="bpr"):
    """One vector per user and per item that has interactions; their dot product ranks, and is no preference by itself.

    Draws a pair that interacted and an item that the user did not have, and moves the former above the latter by
    stochastic gradient descent (Rendle, Freudenthaler, Gantner & Schmidt-Thieme, UAI 2009), by the `implicit` library.
    Weights do not count. The last number of an item's vector is its bias, that of a user's is 1. It runs in one thread:
    several write over each other's steps (Hogwild), so no two runs would be the same. Where training is incremental the
    vectors of the last run are where ``warm_iterations`` begin. Time grows with pairs x factors x iterations, memory
    with (users + items) x factors.
    """

    factors: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 64
    learning_rate: Annotated[float, msgspec.Meta(gt=0)] = 0.05
    regularization: Annotated[float, msgspec.Meta(ge=0)] = 0.01
    iterations: Annotated[int, msgspec.Meta(ge=1)] = 100
    warm_iterations: Annotated[int, msgspec.Meta(ge=1)] = 20

    name: ClassVar[str] = "bpr"
    shape: ClassVar[Shape] = "vectors"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The vectors of the items, then of the users, each by id; one number longer than ``factors``."""
        return table(self.learned(data))

    def learned(self, data: TrainingData) -> Factors | None:
        """The same as arrays; None without interactions."""
        matrix = user_items(data)
        return self._learned(matrix, data) if matrix.cells.nnz else None

    def _learned(self, matrix: Matrix, data: TrainingData) -> Factors:
        cells, start = matrix.cells, self._start(matrix, data)
        model = BayesianPersonalizedRanking(
            factors=self.factors,
            learning_rate=self.learning_rate,
            regularization=self.regularization,
            iterations=self.warm_iterations if start.warm else self.iterations,
            num_threads=1,
            random_state=data.seed,
        )
        model.user_factors, model.item_factors = start.users, start.items
        had = sparse.csr_matrix((np.ones(cells.nnz, np.float32), cells.indices, cells.indptr), shape=cells.shape)
        model.fit(had, show_progress=False)
        return Factors(matrix, model.user_factors, model.item_factors)

    def _start(self, matrix: Matrix, data: TrainingData) -> Start:
        """Small vectors around zero, as implicit's are, with the user's constant; then as the last run ended."""
        rng, width = np.random.default_rng(data.seed), self.factors + 1
        items, users = (
            ((rng.random((rows, width), np.float32) - np.float32(0.5)) / np.float32(self.factors))
            for rows in reversed(matrix.cells.shape)
        )
        users[:, -1] = 1
        return started(matrix, data.previous, users, items)


ALGORITHM = Bpr
