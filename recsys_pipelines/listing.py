"""Lists of items with scores, for everybody, by category and by trait: what the popular, the trending and the newest
share.

Rows have the columns of ``tables.ITEM_SCORES``. A list is in order of score descending, then item id.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import polars as pl

from recsys_algo.segments import trait_segment
from recsys_pipelines.algorithm import schema

CATEGORY = "category:"


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
        pl.format(f"{CATEGORY}{{}}", "category").alias("segment"), "item_id", "score"
    )


def trait_segments(users: pl.DataFrame, traits: Sequence[str]) -> pl.DataFrame:
    """The segments of the users' traits (user_id, place, segment), by user and place: one row for each of ``traits``
    that a user says, with its place among them. A text that is no JSON object says nothing.

    Time grows with the users and with the different texts among theirs.
    """
    if not {"user_id", "traits"} <= set(users.columns):
        return pl.DataFrame(schema={"user_id": pl.String, "place": pl.Int64, "segment": pl.String})
    texts = users["traits"].cast(pl.String).drop_nulls().unique()
    rows = [(text, *each) for text in texts for each in _said(text, traits)]
    said = pl.DataFrame(rows, {"traits": pl.String, "place": pl.Int64, "segment": pl.String}, orient="row")
    of_users = users.select("user_id", pl.col("traits").cast(pl.String)).join(said, on="traits")
    return of_users.drop("traits").sort("user_id", "place")


def ranked(lists: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Every segment's list in order, cut at ``limit``, by segment."""
    return (
        lists.sort("segment", "score", "item_id", descending=[False, True, False])
        .group_by("segment", maintain_order=True)
        .head(limit)
        .select(*schema("item_scores"))
    )


def _said(text: str, traits: Sequence[str]) -> Iterator[tuple[int, str]]:
    try:
        values = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return
    for place, trait in enumerate(traits):
        segment = trait_segment(trait, values.get(trait))
        if segment is not None:
            yield place, segment
