"""Bought together: what is in the same orders more often than chance would have it."""

from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np
import polars as pl

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.kernel import Alone
from recsys_pipelines.sessions import EventType, basket_items, steps
from recsys_pipelines.similarity import nearest, neighbor_table, rule


class BoughtTogether(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For each item the ``neighbors`` that go along with it in an order; ties go to the smaller id.

    Of N orders, a have the one item, b the other and n both. They are ranked by ``lift`` N n / (a b), by ``confidence``
    n / a, which is how often the other one is bought along (Agrawal, Imielinski & Swami, SIGMOD 1993), or by
    ``surprise``, the log-likelihood ratio of the two-by-two table (Dunning, Computational Linguistics 1993). Pairs in
    fewer than ``min_support`` orders are left out, and so are those whose log-likelihood ratio is below
    ``significance``, which 3.84 is once in twenty and 10.83 once in a thousand by chance, and pairs that meet more
    rarely than by chance: lift alone would praise what was bought together twice and otherwise never.

    An order is an order id; events without one go by their visit, and ``types`` says which events count. How many of an
    item are in an order does not matter. Time grows with the sum of the squares of what each order has, memory with the
    events. ``threads`` 0 means one per core; their number does not change the result.
    """

    by: Literal["lift", "confidence", "surprise"] = "lift"
    min_support: Annotated[int, msgspec.Meta(ge=1)] = 3
    significance: Annotated[float, msgspec.Meta(ge=0)] = 3.84
    neighbors: Annotated[int, msgspec.Meta(ge=1)] | None = 20  # None: all
    types: Annotated[tuple[EventType, ...], msgspec.Meta(min_length=1)] = ("purchase",)
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0

    name: ClassVar[str] = "bought_together"
    shape: ClassVar[Shape] = "item_neighbors"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The neighbours, by item, score descending, neighbour."""
        matrix = basket_items(steps(data, "order", types=self.types), data.now)
        counts = matrix.cells.sum(axis=0)
        alone = Alone(counts, counts, np.arange(len(matrix.items)))
        by = rule(self.by, len(matrix.users), min_support=self.min_support, significance=self.significance)
        pairs = nearest(matrix.cells.T.tocsr(), matrix.cells, alone, by, limit=self.neighbors, threads=self.threads)
        return neighbor_table(pairs, matrix.items)


ALGORITHM = BoughtTogether
