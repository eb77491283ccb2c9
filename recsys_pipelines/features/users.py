"""User features: recency, frequency, money and leanings of every person who did anything lately."""

from collections.abc import Mapping

import polars as pl

from data_contracts.documents import EventWeights
from data_contracts.feature_tables import user_features as contract_table
from recsys_pipelines.contract import schema
from recsys_pipelines.features.activity import Activity, counted, different, pairs
from recsys_pipelines.features.affinities import affinities
from recsys_pipelines.features.money import monetary
from recsys_pipelines.features.shelf import Shelf

DAY_US = 86_400_000_000
_AFFINITIES: Mapping[str, tuple[str, str]] = {
    "category": ("categories", "category_shares"),
    "brand": ("brands", "brand_shares"),
}


def user_features(  # noqa: PLR0917  (what is known of users, each a table)
    activity: Activity, shelf: Shelf, users: pl.DataFrame, vectors: pl.DataFrame, weights: EventWeights, most: int
) -> pl.DataFrame:
    """Columns of ``feature_tables.user_features``, by user.

    ``users`` (user_id, segment) are the known ones, ``vectors`` (user_id, embedding) says who has a vector and where;
    ``most`` is how many categories and brands are named.
    """
    met = pairs(activity, shelf.catalog)
    found = counted(activity, "user_id").lazy()
    for part in (
        different(activity, met, "user_id", "items"),
        monetary(activity, shelf.prices),
        *(_leanings(met, shelf.catalog, weights, by=by, most=most) for by in _AFFINITIES),
        users.select("user_id", "segment"),
        vectors.select("user_id", "embedding"),
    ):
        found = found.join(part.lazy(), on="user_id", how="left")
    columns = schema(contract_table(activity.windows_days))
    whole = _with_time(found, activity).with_columns(
        pl.col("^(items|monetary_minor)_.*$").fill_null(0), pl.col("^(categories|brands|.*_shares)$").fill_null([])
    )
    return whole.select(columns.names()).cast(columns).sort("user_id").collect()


def _leanings(met: pl.DataFrame, catalog: pl.DataFrame, weights: EventWeights, *, by: str, most: int) -> pl.DataFrame:
    names, shares = _AFFINITIES[by]
    return affinities(met, catalog, weights, by=by, most=most).rename({"names": names, "shares": shares})


def _with_time(found: pl.LazyFrame, activity: Activity) -> pl.LazyFrame:
    as_of = pl.lit(activity.as_of, pl.Datetime("us", "UTC"))
    age = (as_of - pl.col("last_seen")).dt.total_microseconds() / DAY_US
    return found.with_columns(as_of=as_of, recency_days=age)
