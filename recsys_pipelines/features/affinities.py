"""Affinities: which categories or brands a person leans to, with the share of each."""

from collections.abc import Mapping

import polars as pl

from data_contracts.documents import EventWeights
from data_contracts.feature_tables import PLURALS

MICRO = 1_000_000  # weights are added up as whole millionths, so that the order does not matter


def weight(weights: EventWeights, suffix: str = "") -> pl.Expr:
    """What counted events (the columns views, clicks, ..., each with the suffix) weigh in all, in millionths."""
    of_type: Mapping[str, float] = {type: getattr(weights, type) for type in PLURALS}
    return pl.sum_horizontal(pl.col(name + suffix) * round(of_type[type] * MICRO) for type, name in PLURALS.items())


def affinities(met: pl.DataFrame, catalog: pl.DataFrame, weights: EventWeights, *, by: str, most: int) -> pl.DataFrame:
    """For each user the ``most`` values of the catalog's column ``by`` with the greatest share of all events' weight.

    Columns user_id, names (best first, ties by name) and shares; shares are of everything that has a value. ``met``
    are pairs (`activity.pairs`). Users without any have no row.
    """
    named = catalog.select("item_id", name=by).drop_nulls()
    weighed = met.lazy().select("user_id", "item_id", weight=weight(weights)).join(named.lazy(), on="item_id")
    sums = weighed.group_by("user_id", "name").agg(pl.col("weight").sum()).filter(pl.col("weight") > 0)
    share = (pl.col("weight") / pl.col("weight").sum().over("user_id")).cast(pl.Float32)
    ranked = sums.with_columns(share=share).sort("user_id", "weight", "name", descending=[False, True, False])
    best = ranked.group_by("user_id", maintain_order=True).agg(
        names=pl.col("name").head(most), shares=pl.col("share").head(most)
    )
    return best.collect()
