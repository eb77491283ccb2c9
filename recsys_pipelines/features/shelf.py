"""The shelf: the catalog as it was at an instant, and what things cost when."""

from datetime import UTC, date, datetime
from typing import NamedTuple

import polars as pl

from recsys_pipelines.lake import Lake

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Shelf(NamedTuple):
    """``catalog`` (columns of ``tables.ITEMS``) at an instant; ``prices`` (item_id, since, price_minor) until then."""

    catalog: pl.DataFrame
    prices: pl.DataFrame


def shelf(lake: Lake, tenant: str, day: date, as_of: datetime) -> Shelf:
    """What was in the catalog before ``as_of``, with the prices of the day's snapshot as if they had always held."""
    catalog = lake.read("items", tenant, day).filter((pl.col("created_at") < as_of).fill_null(value=True))
    prices = catalog.select("item_id", "price_minor", since=pl.lit(LONG_AGO, pl.Datetime("us", "UTC")))
    return Shelf(catalog, prices)
