"""Recency: the newer the last interaction with an item, the higher its score."""

from typing import Annotated, ClassVar

import msgspec
import polars as pl

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData


class Recency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Items that somebody wanted, by the day (since 1970) on which somebody last did."""

    limit: Annotated[int, msgspec.Meta(ge=1)] = 100

    name: ClassVar[str] = "recency"
    shape: ClassVar[Shape] = "item_scores"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        wanted = data.interactions.filter(pl.col("weight") > 0).join(data.catalog, on="item_id", how="semi")
        newest = wanted.group_by("item_id").agg(score=pl.col("last_ts").max().dt.timestamp("ms") / 86_400_000)
        ranked = newest.sort("score", "item_id", descending=[True, False]).head(self.limit)
        return ranked.select(pl.lit("").alias("segment"), "item_id", "score")
