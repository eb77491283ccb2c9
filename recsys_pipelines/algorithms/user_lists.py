"""User lists: what a factor model would rank first for every user, computed beforehand."""

from dataclasses import replace
from typing import Annotated, ClassVar

import msgspec
import numpy as np
import polars as pl

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import FullScores, TrainingData, schema
from recsys_pipelines.algorithms.als import Als
from recsys_pipelines.algorithms.bpr import Bpr
from recsys_pipelines.algorithms.ials import Ials
from recsys_pipelines.factors import Factors, Floats
from recsys_pipelines.topk import Unwanted, best_products

NOBODY = pl.Series([], dtype=pl.String)


class UserLists(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``limit`` items with the highest dot products for every user with interactions; ties go to the smaller id.

    ``of`` is the model with its settings, such as ``{"algorithm": "ials", "factors": 64}``. The lists answer a request
    in no time and need no vectors in memory, but know nothing that came after them and nobody new; what a user had is
    not in them unless ``seen``. Exact: every item is looked at. Beside what the model needs, time grows with users x
    items x factors and memory with users x ``limit``. ``threads`` 0 means one per core; their number does not change
    the result.
    """

    of: Als | Ials | Bpr = Als()
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200
    seen: bool = False
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0

    name: ClassVar[str] = "user_lists"
    shape: ClassVar[Shape] = "user_items"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The lists, by user, score descending, item."""
        learned = self.of.learned(replace(data, previous=None))  # the last run left lists, which are no vectors
        return pl.DataFrame(schema=schema(self.shape)) if learned is None else self._lists(learned)

    def scores(self, data: TrainingData) -> FullScores:
        """What the lists are cut from: all dot products; what a user had has none unless ``seen``."""
        learned = self.of.learned(replace(data, previous=None))
        if learned is None:
            return FullScores(NOBODY, NOBODY, lambda start, end: np.empty((end - start, 0)))
        matrix = learned.matrix

        def block(start: int, end: int) -> Floats:
            scores: Floats = learned.users[start:end] @ learned.items.T
            if not self.seen:
                scores[matrix.cells[start:end].nonzero()] = -np.inf
            return scores

        return FullScores(matrix.users, matrix.items, block)

    def _lists(self, learned: Factors) -> pl.DataFrame:
        matrix = learned.matrix
        unwanted = Unwanted.nothing(len(matrix.users)) if self.seen else Unwanted.of(matrix.cells)
        best = best_products(learned.users, learned.items, self.limit, unwanted, threads=self.threads)
        users, places = np.nonzero(best.items >= 0)
        return pl.DataFrame(
            {
                "user_id": matrix.users.gather(users),
                "item_id": matrix.items.gather(best.items[users, places]),
                "score": best.scores[users, places],
            },
            schema=schema(self.shape),
        )


ALGORITHM = UserLists
