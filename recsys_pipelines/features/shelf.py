"""The shelf: the catalog as it was at an instant, and what things cost when.

History begins with the first catalog that was ever landed. Before an item's first known version, that version counts:
what it cost on the day the catalog first named it is the nearest that anybody knows.
"""

from datetime import UTC, date, datetime
from typing import NamedTuple

import polars as pl

from recsys_pipelines.catalog.changes import history
from recsys_pipelines.lake import Lake

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
STATE = ("price_minor", "currency", "available", "archived")


class Shelf(NamedTuple):
    """``catalog`` (columns of ``tables.ITEMS``) at an instant; ``prices`` (item_id, since, price_minor) until then.

    Items that were archived by then are still in it: what persons did with them says something about the persons.
    """

    catalog: pl.DataFrame
    prices: pl.DataFrame


def shelf(lake: Lake, tenant: str, day: date, as_of: datetime) -> Shelf:
    """What had entered the catalog of ``day`` before ``as_of``, with price and state as they were at ``as_of``."""
    return shelf_of(lake.read("items", tenant, day), history(lake, tenant, day), as_of)


def shelf_of(items: pl.DataFrame, versions: pl.DataFrame, as_of: datetime) -> Shelf:
    """The same, of a catalog and the versions of its items (item_id, valid_from and the columns of ``STATE``).

    An item without any version is as the catalog says.
    """
    known = _known(items, versions, as_of)
    newest = known.sort("item_id", "since").unique("item_id", keep="last", maintain_order=True)
    there = items.filter((pl.col("created_at") < as_of).fill_null(value=True))
    catalog = there.drop(STATE).join(newest, on="item_id", how="left", maintain_order="left").select(items.columns)
    return Shelf(catalog, known.select("item_id", "since", "price_minor"))


def _known(items: pl.DataFrame, versions: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The versions that count at ``as_of`` (item_id, since and ``STATE``); each item's first one holds since ever."""
    in_order = versions.sort("item_id", "valid_from").with_columns(is_first=pl.col("item_id").is_first_distinct())
    since = pl.when("is_first").then(pl.lit(LONG_AGO)).otherwise("valid_from")
    counting = in_order.filter(pl.col("is_first") | (pl.col("valid_from") < as_of))
    others = items.join(versions, on="item_id", how="anti")
    columns = ("item_id", "since", *STATE)
    return pl.concat(
        [
            counting.with_columns(since=since).select(columns),
            others.with_columns(since=pl.lit(LONG_AGO)).select(columns),
        ]
    )
