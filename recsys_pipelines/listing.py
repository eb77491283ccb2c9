"""Lists of items with scores, for everybody and by category: what the popular, the trending and the newest share.

Rows have the columns of ``tables.ITEM_SCORES``. A list is in order of score descending, then item id.
"""

import polars as pl

from recsys_pipelines.algorithm import schema


def for_everybody(scores: pl.DataFrame) -> pl.DataFrame:
    """Items with scores (item_id, score) as the list of the empty segment."""
    return scores.select(pl.lit("").alias("segment"), "item_id", pl.col("score").cast(pl.Float64))


def by_category(everybody: pl.DataFrame, catalog: pl.DataFrame) -> pl.DataFrame:
    """The same items and scores in the segments of their categories, such as ``category:audio``.

    Items without a category, and all items of a catalog without categories, are in none.
    """
    if "category" not in catalog.columns:
        return everybody.clear()
    categories = catalog.filter(pl.col("category").fill_null("") != "").select("item_id", "category")
    return everybody.join(categories, on="item_id", maintain_order="left").select(
        pl.format("category:{}", "category").alias("segment"), "item_id", "score"
    )


def ranked(lists: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Every segment's list in order, cut at ``limit``, by segment."""
    return (
        lists.sort("segment", "score", "item_id", descending=[False, True, False])
        .group_by("segment", maintain_order=True)
        .head(limit)
        .select(*schema("item_scores"))
    )
