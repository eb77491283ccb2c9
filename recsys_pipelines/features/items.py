"""Item features: how popular an item was lately, what became of being looked at, and what the catalog said then."""

from collections.abc import Sequence

import polars as pl

from data_contracts.documents import EventWeights
from data_contracts.feature_tables import item_features as contract_table
from recsys_pipelines.contract import schema
from recsys_pipelines.features.activity import Activity, counted, different, pairs
from recsys_pipelines.features.affinities import weight
from recsys_pipelines.features.shelf import Shelf

DAY_US = 86_400_000_000
PRIOR_VIEWS = 20  # views at the tenant's rate that every item is given, so that 1 of 1 is no rate of 100 %
PRIOR_EVENTS = 1.0  # that many events, late and usual, are added before the trend is taken
WEEK = 7


def item_features(activity: Activity, shelf: Shelf, weights: EventWeights) -> pl.DataFrame:
    """Columns of ``feature_tables.item_features``, by item; one row for each that was not archived."""
    met = pairs(activity, shelf.catalog)
    found = shelf.catalog.lazy().filter(~pl.col("archived"))
    for part in (counted(activity, "item_id"), different(activity, met, "item_id", "users")):
        found = found.join(part.lazy(), on="item_id", how="left")
    columns = schema(contract_table(activity.windows_days))
    counts = found.with_columns(pl.col(_COUNTS).fill_null(0)).collect().lazy()
    whole = counts.with_columns(
        **_rates(max(activity.windows_days)),
        trend=_trend(activity.windows_days),
        category_rank=_rank(max(activity.windows_days), weights),
        **_age(activity),
    )
    return whole.select(columns.names()).cast(columns).sort("item_id").collect()


_COUNTS = r"^(events|views|clicks|adds|purchases|customs|users)_\d+d$"


def _rates(longest: int) -> dict[str, pl.Expr]:
    """Adds and purchases per view as (n + m p) / (views + m): p is the rate of all items together, m the prior."""
    views = pl.col(f"views_{longest}d")
    return {name: _rate(pl.col(f"{plural}_{longest}d"), views) for name, plural in _RATES.items()}


_RATES = {"add_rate": "adds", "purchase_rate": "purchases"}


def _rate(happened: pl.Expr, views: pl.Expr) -> pl.Expr:
    overall = (happened.sum() / pl.max_horizontal(views.sum(), 1)).clip(0, 1)
    return ((happened + PRIOR_VIEWS * overall) / (views + PRIOR_VIEWS)).clip(0, 1)


def _trend(windows_days: Sequence[int]) -> pl.Expr:
    """Events of the short window over those that the long one would lead to expect, both with the prior added.

    The short one is the shortest of at least a week, since weekdays differ; else the shortest of all.
    """
    long = max(windows_days)
    short = min([days for days in windows_days if WEEK <= days < long] or windows_days)
    expected = pl.col(f"events_{long}d") * (short / long)
    return (pl.col(f"events_{short}d") + PRIOR_EVENTS) / (expected + PRIOR_EVENTS)


def _rank(longest: int, weights: EventWeights) -> pl.Expr:
    """The place in the item's category by weight over the longest window; ties by item. No category is one too."""
    weighed = weight(weights, f"_{longest}d")
    return pl.struct(-weighed, "item_id").rank("ordinal").over(pl.col("category").fill_null(""))


def _age(activity: Activity) -> dict[str, pl.Expr]:
    as_of = pl.lit(activity.as_of, pl.Datetime("us", "UTC"))
    return {"as_of": as_of, "age_days": (as_of - pl.col("created_at")).dt.total_microseconds() / DAY_US}
