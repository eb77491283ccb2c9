"""A shop of five items whose events are a few rows, and what they come to, counted by hand in plain Python."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import polars as pl
import pytest

from data_contracts.tables import EVENTS, ITEMS
from recsys_pipelines.contract import schema
from recsys_pipelines.features.activity import activity
from recsys_pipelines.features.shelf import LONG_AGO, Shelf

NOW = datetime(2026, 2, 1, tzinfo=UTC)
ROWS = ("type", "age", "user_id", "item_id", "value", "amount_minor", "anonymous_id")
GOODS = [
    ("a", "Acme", "audio", 1000, NOW - timedelta(days=200)),
    ("b", "Bolt", "audio", 250, NOW - timedelta(days=10)),
    ("c", "Acme", "home", None, None),
    ("d", None, None, 40, NOW - timedelta(days=50)),
    ("new", "Bolt", "home", 10, NOW),
]


def events(*rows):
    """Rows of (type, days before NOW, user, item, value, amount, anonymous id); a short one has None where it ends."""
    padded = [dict(zip(ROWS, (*row, *[None] * 7), strict=False)) for row in rows]
    columns = {name: [None] * len(rows) for name in EVENTS.names} | {
        "event_id": [f"e{number}" for number in range(len(rows))],
        "ts": [NOW - timedelta(days=row.pop("age")) for row in padded],
    }
    columns |= {name: [row[name] for row in padded] for name in ROWS if name != "age"}
    return pl.DataFrame(columns, schema=schema(EVENTS))


def catalog():
    names = ("item_id", "brand", "category", "price_minor", "created_at")
    given = pl.DataFrame(GOODS, schema=names, orient="row")
    whole = given.with_columns(available=pl.lit(True), archived=pl.lit(False), currency=pl.lit("EUR"))
    missing = [pl.lit(None).alias(name) for name in ITEMS.names if name not in whole.columns]
    return whole.with_columns(missing).select(ITEMS.names).cast(schema(ITEMS))


def goods(prices=None):
    """The shelf; ``prices`` are rows of (item, days before NOW, price), else those of the catalog since ever."""
    items = catalog()
    always = items.select("item_id", "price_minor", since=pl.lit(LONG_AGO, pl.Datetime("us", "UTC")))
    if prices is None:
        return Shelf(items, always)
    rows = [(item, NOW - timedelta(days=age), price) for item, age, price in prices]
    types = {"item_id": pl.String, "since": pl.Datetime("us", "UTC"), "price_minor": pl.Int64}
    return Shelf(items, pl.DataFrame(rows, schema=types, orient="row"))


@pytest.fixture(scope="session")
def world():
    return SimpleNamespace(
        NOW=NOW,
        events=events,
        goods=goods,
        known=lambda rows, windows=(1, 7, 28, 90): activity(rows.lazy(), NOW, windows),
    )
