from datetime import UTC, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.tables import ITEMS
from recsys_pipelines.contract import schema
from recsys_pipelines.features.shelf import STATE, shelf_of

FIRST, LATER, LATEST = (datetime(2026, 1, day, tzinfo=UTC) for day in (10, 15, 20))
VERSIONS = {"item_id": pl.String, "valid_from": pl.Datetime("us", "UTC")} | {
    name: kind for name, kind in schema(ITEMS).items() if name in STATE
}


def items(**created):
    """Items that cost 1 now and are not to be had."""
    rows = {"item_id": list(created), "created_at": list(created.values()), "price_minor": [1] * len(created)}
    given = pl.DataFrame(rows, schema_overrides={"created_at": pl.Datetime("us", "UTC")})
    state = {"available": False, "archived": False, "currency": "EUR"}
    missing = {name: None for name in ITEMS.names if name not in rows}
    whole = given.with_columns(**{name: pl.lit(value) for name, value in (missing | state).items()})
    return whole.select(ITEMS.names).cast(schema(ITEMS))


def versions(*rows):
    """(item, valid from, price)"""
    whole = [(item, since, price, "EUR", True, False) for item, since, price in rows]
    return pl.DataFrame(whole, schema=VERSIONS, orient="row")


CHANGES = versions(("a", FIRST, 100), ("a", LATER, 200), ("a", LATEST, 300))


@pytest.mark.parametrize(
    ("as_of", "price"),
    [
        pytest.param(datetime(2026, 1, 1, tzinfo=UTC), 100, id="before the first catalog, what that one said"),
        pytest.param(datetime(2026, 1, 12, tzinfo=UTC), 100, id="between"),
        pytest.param(LATER, 100, id="a change at the instant is not known yet"),
        pytest.param(datetime(2026, 1, 16, tzinfo=UTC), 200, id="after a change"),
        pytest.param(datetime(2026, 3, 1, tzinfo=UTC), 300, id="after all"),
    ],
)
def test_price_and_state_are_those_of_the_instant(as_of, price):
    found = shelf_of(items(a=None), CHANGES, as_of).catalog

    assert found.select("price_minor", "available").rows() == [(price, True)]


def test_prices_hold_from_their_change_until_the_next_and_the_first_since_ever():
    found = shelf_of(items(a=None), CHANGES, LATEST).prices.sort("since")

    assert found.select(pl.col("since").dt.date().cast(pl.String), "price_minor").rows() == [
        ("1970-01-01", 100),
        ("2026-01-15", 200),
    ]


def test_an_item_without_history_is_as_the_catalog_says():
    found = shelf_of(items(a=None, b=None), CHANGES, LATEST)

    assert found.catalog.filter(item_id="b").select("price_minor", "available").rows() == [(1, False)]
    assert found.prices.filter(item_id="b")["price_minor"].to_list() == [1]


def test_what_was_not_there_yet_is_not_on_the_shelf():
    found = shelf_of(items(a=FIRST, b=LATER, c=LATEST), versions(), LATER)

    assert found.catalog["item_id"].to_list() == ["a"]


def test_a_later_change_changes_nothing():
    catalog = items(a=None)

    now = shelf_of(catalog, CHANGES, LATEST)
    then = shelf_of(catalog, CHANGES.filter(pl.col("valid_from") < LATEST), LATEST)

    assert_frame_equal(now.catalog, then.catalog)
    assert_frame_equal(now.prices, then.prices)
