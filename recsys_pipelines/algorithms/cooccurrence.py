"""Co-occurrence: items that the same users had go together."""

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData, schema
from recsys_pipelines.matrix import user_items

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

PRODUCTS_PER_BLOCK = 2_000_000  # bounds the memory of a block to about 100 MB, whatever the size of the catalog

# From what two items have together, what each has alone, and how many users there are.
SIMILARITIES: dict[str, Callable[[Floats, Floats, Floats, int], Floats]] = {
    "cosine": lambda both, one, other, users: both / np.sqrt(one * other),
    "jaccard": lambda both, one, other, users: both / (one + other - both),
    "lift": lambda both, one, other, users: users * both / (one * other),  # 1: no more often than by chance
    "count": lambda both, one, other, users: both,
}


class Cooccurrence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For each item the ``neighbors`` with the highest similarity over the users; ties go to the smaller id.

    Cosine and the shrinkage ``n / (n + shrinkage)``, with n users in common, follow Sarwar et al. (WWW 2001) and Bell &
    Koren (ICDM 2007); jaccard, lift and ``min_support`` are those of SAR (Microsoft Recommenders). A user counts once
    for an item, unless ``weighted``: then by the interaction's weight, which ``half_life_days`` lets decay once more.
    """

    similarity: Literal["cosine", "jaccard", "lift", "count"] = "cosine"
    shrinkage: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    min_support: Annotated[int, msgspec.Meta(ge=1)] = 2  # users in common, below which two items are strangers
    neighbors: Annotated[int, msgspec.Meta(ge=1)] | None = 50  # None: all
    weighted: bool = False
    half_life_days: Annotated[float, msgspec.Meta(gt=0)] | None = None

    name: ClassVar[str] = "cooccurrence"
    shape: ClassVar[Shape] = "item_neighbors"

    def __post_init__(self) -> None:
        if self.half_life_days is not None and not self.weighted:
            raise ValueError("half_life_days has no effect unless weighted is true")

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The neighbours, by item, score descending, neighbour."""
        matrix = user_items(data, self.half_life_days)
        cells = Cells.of(matrix.cells if self.weighted else _ones(matrix.cells))
        blocks = [self._nearest(cells, start, end) for start, end in _ranges(cells.had)]
        items, neighbors, scores = (np.concatenate(column) for column in zip(NO_PAIRS, *blocks, strict=True))
        return pl.DataFrame(
            {"item_id": matrix.items.gather(items), "neighbor_id": matrix.items.gather(neighbors), "score": scores},
            schema=schema(self.shape),
        )

    def _nearest(self, cells: "Cells", start: int, end: int) -> "Pairs":
        """The neighbours of a run of items."""
        together = cells.by_item[start:end] @ cells.weights
        # Both products have the same cells in the same order: no sum is zero, as negligible weights are gone.
        support = (cells.had_by_item[start:end] @ cells.had).data if self.weighted else together.data
        items, neighbors = start + _rows(together), together.indices
        likeness = SIMILARITIES[self.similarity](
            together.data, cells.alone[items], cells.alone[neighbors], cells.weights.shape[0]
        )
        scores = likeness * support / (support + self.shrinkage)
        keep = (support >= self.min_support) & (items != neighbors)
        return _top(Pairs(items, neighbors, scores).take(keep), self.neighbors)


class Cells(NamedTuple):
    """What users had, as weights and as ones, by user and by item; ``alone`` is the product of an item with itself."""

    weights: Any
    by_item: Any
    had: Any
    had_by_item: Any
    alone: Floats

    @classmethod
    def of(cls, weights: Any) -> "Cells":
        """All of it from a matrix of users in rows and items in columns."""
        by_item, had = weights.T.tocsr(), _ones(weights)
        return cls(weights, by_item, had, had.T.tocsr(), weights.multiply(weights).sum(axis=0))


class Pairs(NamedTuple):
    """Items and their neighbours by position in the matrix: three columns of one length, grouped by item."""

    items: Indices
    neighbors: Indices
    scores: Floats

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "Pairs":
        """The pairs at these positions, or where this is true."""
        return Pairs(self.items[rows], self.neighbors[rows], self.scores[rows])


NO_PAIRS = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def _ones(cells: Any) -> Any:
    ones = cells.copy()
    ones.data = np.ones_like(ones.data)
    return ones


def _ranges(had: Any) -> list[tuple[int, int]]:
    """Runs of items whose products with all others number about ``PRODUCTS_PER_BLOCK``; at least one item each."""
    products = np.cumsum(had.T @ had.sum(axis=1))
    bounds = [0, *(np.flatnonzero(np.diff(products // PRODUCTS_PER_BLOCK)) + 1).tolist(), had.shape[1]]
    return [(start, end) for start, end in pairwise(bounds) if start < end]


def _rows(cells: Any) -> Indices:
    return np.repeat(np.arange(cells.shape[0]), np.diff(cells.indptr))


def _top(pairs: Pairs, limit: int | None) -> Pairs:
    """The first ``limit`` of each item, by score descending, then neighbour."""
    near = pairs if limit is None else pairs.take(_reaches(pairs, limit))
    order = np.lexsort((near.neighbors, -near.scores, near.items))
    if limit is not None:
        starts, lengths = _runs(near.items)
        order = order[np.arange(len(order)) - np.repeat(starts, lengths) < limit]
    return near.take(order)


def _reaches(pairs: Pairs, limit: int) -> npt.NDArray[np.bool_]:
    """Whether a score is at least the ``limit``-th of its item, which spares the sort all others."""
    starts, lengths = _runs(pairs.items)
    cuts = np.full(len(starts), -np.inf)
    for run in np.flatnonzero(lengths > limit):
        scores = pairs.scores[starts[run] : starts[run] + lengths[run]]
        cuts[run] = np.partition(scores, -limit)[-limit]
    return pairs.scores >= np.repeat(cuts, lengths)


def _runs(items: Indices) -> tuple[Indices, Indices]:
    """Where each run of the same item starts, and how long it is."""
    starts = np.flatnonzero(np.diff(items, prepend=-1))
    return starts, np.diff(starts, append=len(items))


ALGORITHM = Cooccurrence
