"""Content: items whose texts say the same go together, also those that nobody has touched yet."""

from typing import Annotated, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import InvalidTrainingData, TrainingData, schema
from recsys_pipelines.kernel import Floats, Indices
from recsys_pipelines.matrix import NEGLIGIBLE, user_items
from recsys_pipelines.similarity import Pairs, best_pairs, neighbor_table
from recsys_pipelines.threads import crew

CELLS = 1 << 22  # of the product that a thread holds at a time: 32 MB
DIGITS = 6  # of a cosine; what differs less is a tie
Vectors = npt.NDArray[np.float32]


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For each item the ``neighbors`` with the highest cosine of their texts' vectors, above ``min_similarity``.

    It is what a new item has instead of interactions (content-based filtering, Lops, de Gemmis & Semeraro, Recommender
    Systems Handbook 2011): it learns from the catalog alone and says nothing about taste. Vectors are those of the
    asset `embeddings`; items without a text have no neighbours and are none, and neither direction of a pair in the
    tenant's ``embeddings.blocked_pairs`` occurs. Cosines count to six digits, and ties go to the smaller id, or with a
    ``popularity_weight`` to what had more: that much is added for the item with the greatest weight of interactions,
    and the like share for others. The search is exact: time grows with the square of the items (100,000 take minutes),
    memory with the vectors and the result. ``threads`` 0 means one per core; their number does not change the result.
    """

    neighbors: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50
    min_similarity: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    popularity_weight: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0

    name: ClassVar[str] = "content"
    shape: ClassVar[Shape] = "item_neighbors"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The neighbours, by item, score descending, neighbour. Raises ``InvalidTrainingData`` for odd vectors."""
        items, vectors = _texts(data.embeddings(), data.catalog)
        if items.is_empty():
            return pl.DataFrame(schema=schema(self.shape))
        prior = self.popularity_weight * _popularity(data, items)
        barred = _barred(data.blocked_pairs, items)
        size = max(1, CELLS // len(items))

        def find(start: int) -> Pairs:
            rows = np.arange(start, min(start + size, len(items)))
            cosines = np.round((vectors[rows] @ vectors.T).astype(np.float64), DIGITS)
            scores = np.where(cosines > self.min_similarity, cosines + prior, 0.0)
            scores[rows - start, rows] = 0.0
            inside = (barred[:, 0] >= start) & (barred[:, 0] < start + size)
            scores[barred[inside, 0] - start, barred[inside, 1]] = 0.0
            return best_pairs(rows, scores, self.neighbors)

        with crew(self.threads) as each:
            found = each(find, range(0, len(items), size))
        return neighbor_table(Pairs(*(np.concatenate(column) for column in zip(*found, strict=True))), items)


def _texts(embeddings: pl.DataFrame, catalog: pl.DataFrame) -> tuple[pl.Series, Vectors]:
    """The items of the catalog that have a text, by id, and their vectors as rows."""
    known = embeddings.join(catalog, on="item_id", how="semi") if embeddings.height else embeddings
    if known.is_empty():
        return pl.Series([], dtype=pl.String), np.empty((0, 0), np.float32)
    known = known.unique("item_id", keep="any").sort("item_id")
    lengths = known["vector"].list.len().unique().sort().to_list()
    if len(lengths) > 1:
        raise InvalidTrainingData(f"the embeddings have vectors of different lengths: {lengths}")
    rows: Vectors = known["vector"].explode().to_numpy().astype(np.float32).reshape(known.height, -1)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise InvalidTrainingData(f"the embedding of {known['item_id'][int(finite.argmin())]!r} is not finite")
    return known["item_id"].filter(pl.Series(rows.any(axis=1))), rows[rows.any(axis=1)]


def _popularity(data: TrainingData, items: pl.Series) -> Floats:
    """Each item's weight of interactions as a share of the greatest."""
    matrix = user_items(data)
    weights = pl.DataFrame({"item_id": matrix.items, "weight": matrix.cells.sum(axis=0)})
    own = items.to_frame().join(weights, on="item_id", how="left", maintain_order="left")["weight"].fill_null(0.0)
    shares: Floats = own.to_numpy() / max(own.max(), NEGLIGIBLE)  # type: ignore[type-var]  # numbers
    return shares


def _barred(pairs: tuple[tuple[str, str], ...], items: pl.Series) -> Indices:
    """The places of both items of every blocked pair, both ways."""
    place = {item: number for number, item in enumerate(items)} if pairs else {}
    known = [(place[one], place[other]) for one, other in pairs if one in place and other in place]
    both: Indices = np.array(known, np.int64).reshape(-1, 2)
    return np.concatenate([both, both[:, ::-1]])


ALGORITHM = Content
