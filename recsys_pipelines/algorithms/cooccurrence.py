"""Co-occurrence: items that the same users had, or that were in the same visits or orders, go together."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np
import polars as pl
from implicit.nearest_neighbours import bm25_weight, tfidf_weight  # type: ignore[import-untyped]  # no stubs
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.kernel import Alone
from recsys_pipelines.matrix import Matrix, user_items
from recsys_pipelines.sessions import Basket, EventType, basket_items, steps
from recsys_pipelines.similarity import Likeness, Pairs, nearest, neighbor_table, rule

LIKENESSES: Mapping[str, Likeness] = {"tfidf": "cosine", "bm25": "count"}


class Cooccurrence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For each item the ``neighbors`` with the highest similarity over the users; ties go to the smaller id.

    Cosine and the shrinkage ``n / (n + shrinkage)``, with n users in common, follow Sarwar et al. (WWW 2001) and Bell &
    Koren (ICDM 2007); jaccard, lift and ``min_support`` are those of SAR (Microsoft Recommenders). A user counts once
    for an item, unless ``weighted``: then by the interaction's weight, which ``half_life_days`` lets decay once more.
    Before the products, ``tfidf`` and ``bm25`` (Robertson & Zaragoza, FnTIR 2009; ``k1`` and ``b`` are theirs) discount
    users who had much, and bm25 also items that many had; both are those of the `implicit` library.

    The users are those of the interactions. With a ``basket`` of session or order (events without an order id go by
    their visit), or with event ``types`` (co-purchase: only purchase; co-view: only view), what is counted comes from
    the events: who did what, or what was in a visit or an order. Their only weight is the decay. Time grows with the
    sum of the squares of what each user had; memory with the result and the interactions. ``threads`` 0 means one per
    core; their number does not change the result.
    """

    similarity: Literal["cosine", "jaccard", "lift", "count", "tfidf", "bm25"] = "cosine"
    shrinkage: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    min_support: Annotated[int, msgspec.Meta(ge=1)] = 2  # users in common, below which two items are strangers
    neighbors: Annotated[int, msgspec.Meta(ge=1)] | None = 50  # None: all
    weighted: bool = False
    half_life_days: Annotated[float, msgspec.Meta(gt=0)] | None = None
    basket: Basket = "user"
    types: tuple[EventType, ...] = ()  # none: all events, or the interactions
    k1: Annotated[float, msgspec.Meta(gt=0)] = 1.2
    b: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.75
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0

    name: ClassVar[str] = "cooccurrence"
    shape: ClassVar[Shape] = "item_neighbors"

    def __post_init__(self) -> None:
        if self.half_life_days is not None and not self.weighted:
            raise ValueError("half_life_days has no effect unless weighted is true")

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The neighbours, by item, score descending, neighbour."""
        matrix = self._baskets(data)
        return neighbor_table(self.pairs(matrix.cells), matrix.items)

    def pairs(self, weights: Any) -> Pairs:
        """The same, of a CSR array of users in rows and items in columns, by their places."""
        cells = self._weighed(weights if self.weighted else _ones(weights))
        alone = cells.multiply(cells).sum(axis=0)
        by = rule(
            LIKENESSES.get(self.similarity, self.similarity),  # type: ignore[arg-type]  # the others are likenesses
            cells.shape[0],
            shrinkage=self.shrinkage,
            min_support=self.min_support,
        )
        own = Alone(alone, alone, np.arange(cells.shape[1]))
        return nearest(cells.T.tocsr(), cells, own, by, limit=self.neighbors, threads=self.threads)

    def _baskets(self, data: TrainingData) -> Matrix:
        if self.basket == "user" and not self.types:
            return user_items(data, self.half_life_days)
        return basket_items(steps(data, self.basket, types=self.types), data.now, self.half_life_days)

    def _weighed(self, cells: Any) -> Any:
        """The cells as the similarity wants them; a user is a term and an item a document."""
        if self.similarity not in LIKENESSES or not cells.nnz:
            return cells
        weigh = tfidf_weight if self.similarity == "tfidf" else partial(bm25_weight, K1=self.k1, B=self.b)
        return sparse.csr_array(weigh(cells.T).T)


def _ones(cells: Any) -> Any:
    ones = cells.copy()
    ones.data = np.ones_like(ones.data)
    return ones


ALGORITHM = Cooccurrence
