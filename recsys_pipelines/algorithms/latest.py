"""Latest: the newest items of the catalog, as a list that can be weighed in a blend.

Time and memory grow with the catalog.
"""

from typing import Annotated, ClassVar

import msgspec
import polars as pl

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.listing import by_category, for_everybody, ranked

DAY_US = 86_400_000_000


class Latest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One list for everybody and one per category (segment ``category:audio``): items created in the last ``days``.

    It learns from the catalog alone, so it has something to say of items that nobody has touched yet. An item scores
    1 / (1 + its age in days): 1 when it is new, 1/2 a day later. Items that the catalog gives no time, that were
    created after ``now``, or that cannot be bought are in no list. ``days`` of None takes items of any age.
    """

    limit: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    days: Annotated[float, msgspec.Meta(gt=0)] | None = 30.0
    per_category: bool = True

    name: ClassVar[str] = "latest"
    shape: ClassVar[Shape] = "item_scores"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The lists, each by age, then item id; none where no item has a time of creation."""
        everybody = for_everybody(self._scores(data))
        lists = [everybody, by_category(everybody, data.catalog)] if self.per_category else [everybody]
        return ranked(pl.concat(lists), self.limit)

    def _scores(self, data: TrainingData) -> pl.DataFrame:
        items = _offered(data.catalog)
        age_us = (pl.lit(data.now) - pl.col("created_at")).dt.total_microseconds()
        aged = items.select("item_id", age=age_us / DAY_US).filter(pl.col("age") >= 0)
        young = aged if self.days is None else aged.filter(pl.col("age") <= self.days)
        return young.select("item_id", score=1 / (1 + pl.col("age")))


def _offered(catalog: pl.DataFrame) -> pl.DataFrame:
    """The items (item_id, created_at) with a time that are neither sold out nor archived, as far as is known."""
    if "created_at" not in catalog.columns or catalog["created_at"].null_count() == catalog.height:
        return pl.DataFrame(schema={"item_id": pl.String, "created_at": pl.Datetime("us", "UTC")})
    keep = [pl.col("created_at").is_not_null()]
    if "available" in catalog.columns:
        keep.append(pl.col("available").fill_null(value=True))
    if "archived" in catalog.columns:
        keep.append(~pl.col("archived").fill_null(value=False))
    return catalog.filter(*keep).unique("item_id", keep="first", maintain_order=True).select("item_id", "created_at")


ALGORITHM = Latest
