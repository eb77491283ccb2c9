"""Money: what persons paid within each window, at the price that held when they bought."""

import polars as pl

from recsys_pipelines.features.activity import Activity


def monetary(activity: Activity, prices: pl.DataFrame) -> pl.DataFrame:
    """Per person what the purchases of each window cost (user_id, monetary_minor_7d, ...), in minor units.

    A purchase costs its ``amount_minor``, else its item's price times its value (1 if it has none), rounded; one
    whose price nobody knows counts nothing. ``prices`` (item_id, since, price_minor) says from when on a price held.
    """
    bought = activity.events.filter(pl.col("type") == "purchase", pl.col("user_id").is_not_null())
    paid = _priced(bought.collect(engine="streaming"), prices)
    sums = [
        pl.col("paid").filter(activity.within(days)).sum().alias(f"monetary_minor_{days}d")
        for days in activity.windows_days
    ]
    return paid.group_by("user_id").agg(sums)


def _priced(bought: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """The purchases with ``paid``; the price is that of the newest change until then."""
    at_price = bought.sort("ts", "user_id", "item_id").join_asof(
        prices.sort("since", "item_id"),
        left_on="ts",
        right_on="since",
        by="item_id",
        strategy="backward",
        check_sortedness=False,  # both are sorted just now, by time before anything else
    )
    cost = (pl.col("price_minor") * pl.col("value").fill_null(1.0)).round().cast(pl.Int64)
    return at_price.with_columns(paid=pl.coalesce("amount_minor", cost))
