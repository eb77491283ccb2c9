"""Popularity: score an item by the share of all interaction weight that it received.

Time and memory grow with the pairs of users and items.
"""

from typing import Annotated, ClassVar

import msgspec
import numpy as np
import polars as pl
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData, schema
from recsys_pipelines.listing import by_category, ranked
from recsys_pipelines.matrix import Matrix, user_items


class Popularity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One list for everybody, one per category (segment ``category:audio``) and, if wanted, one per user segment.

    Within each list the scores are shares that sum to 1 before the cut at ``limit``; ties go to the smaller id. The
    weights have decayed already as the tenant's document says, with a half-life per category if it names some;
    ``half_life_days`` makes them decay once more from the
    newest event of each user-item pair, so that a short one gives a list of what is trending. It is hard to beat on
    accuracy alone (Cremonesi, Koren & Turrin, RecSys 2010), which is why it is the baseline.
    """

    limit: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    half_life_days: Annotated[float, msgspec.Meta(gt=0)] | None = None
    per_category: bool = True
    per_user_segment: bool = False  # needs the users' table; `default` and empty segments read the list for everybody

    name: ClassVar[str] = "popularity"
    shape: ClassVar[Shape] = "item_scores"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The lists, each by score descending, then item id."""
        matrix = user_items(data, self.half_life_days)
        weights = [_everybody(matrix)]
        if self.per_category:
            weights.append(by_category(weights[0], data.catalog))
        if self.per_user_segment:
            weights.append(_by_user_segment(matrix, data.users))
        shares = pl.concat(weights).with_columns(score=pl.col("score") / pl.col("score").sum().over("segment"))
        return ranked(shares, self.limit)


def _everybody(matrix: Matrix) -> pl.DataFrame:
    totals = np.asarray(matrix.cells.sum(axis=0), dtype=np.float64)
    return pl.DataFrame({"segment": "", "item_id": matrix.items, "score": totals}, schema=schema("item_scores"))


def _by_user_segment(matrix: Matrix, users: pl.DataFrame) -> pl.DataFrame:
    if users.is_empty():
        return _everybody(matrix).clear()
    segments = (
        pl.DataFrame({"user_id": matrix.users})
        .with_row_index("row")
        .join(users.select("user_id", "segment"), on="user_id", maintain_order="left")
        .filter(~pl.col("segment").fill_null("").is_in(["", "default"]))
    )
    names = segments["segment"].unique().sort()
    places = segments["segment"].cast(pl.Enum(names)).to_physical().to_numpy()
    members = sparse.csr_array(
        (np.ones(segments.height), (places, segments["row"].to_numpy())), shape=(len(names), len(matrix.users))
    )
    totals = (members @ matrix.cells).tocoo()
    return pl.DataFrame(
        {"segment": names.gather(totals.row), "item_id": matrix.items.gather(totals.col), "score": totals.data},
        schema=schema("item_scores"),
    )


ALGORITHM = Popularity
