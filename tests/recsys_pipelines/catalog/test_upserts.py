from datetime import UTC, datetime

import polars as pl
import pytest

from data_contracts.tables import ITEMS, ORDERS
from recsys_pipelines.catalog.upserts import Batch, merged
from recsys_pipelines.contract import schema

EVERYTHING = frozenset(ITEMS.names)


def at(day):
    return None if day is None else datetime(2026, 1, day, tzinfo=UTC)


def batch(*rows, gives=EVERYTHING):
    """(item_id, title, price_minor, day of updated_at, archived)"""
    named = [
        {"item_id": id, "title": title, "price_minor": price, "updated_at": at(day), "archived": gone}
        | {"available": not gone}
        for id, title, price, day, gone in rows
    ]
    return Batch(pl.DataFrame(named, schema=schema(ITEMS)).lazy(), gives)


def titles(*batches):
    return dict(merged(batches, ITEMS).select("item_id", "title").iter_rows())


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(1, 2, "second", id="the second is newer"),
        pytest.param(2, 1, "first", id="the second is older"),
        pytest.param(1, 1, "second", id="both are equally new"),
        pytest.param(None, None, "second", id="nothing is known of either"),
        pytest.param(2, None, "second", id="one that says nothing is as new as what was before it"),
        pytest.param(None, 1, "second", id="one that says so is newer than one that says nothing"),
    ],
)
def test_of_two_rows_the_newer_one_counts_then_the_later_one(first, second, expected):
    one, two = ("a", "first", 1, first, False), ("a", "second", 1, second, False)

    assert titles(batch(one), batch(two)) == {"a": expected}
    assert titles(batch(one, two)) == {"a": expected}


def test_a_row_without_a_time_does_not_make_those_after_it_newer():
    rows = [("a", "newest", 1, 5, False), ("a", "untimed", 1, None, False), ("a", "older", 1, 3, False)]

    assert titles(batch(*rows)) == {"a": "untimed"}


def test_times_of_one_key_say_nothing_about_another():
    rows = [("a", "newest", 1, 5, False), ("b", "timed", 1, 2, False), ("b", "untimed", 1, None, False)]

    assert titles(batch(*rows)) == {"a": "newest", "b": "untimed"}


def test_a_source_of_prices_changes_prices_and_nothing_else():
    full = batch(("a", "Apple", 100, 1, False), ("b", "Bread", 200, 1, False))
    prices = batch(("a", None, 90, 2, False), gives=frozenset({"item_id", "price_minor", "updated_at"}))

    assert merged([full, prices], ITEMS).select("title", "price_minor").rows() == [("Apple", 90), ("Bread", 200)]
    assert merged([prices, full], ITEMS).select("title", "price_minor").rows() == [("Apple", 90), ("Bread", 200)]


def test_a_row_that_archives_an_item_leaves_what_it_was():
    before, gone = batch(("a", "Apple", 100, 1, False)), batch(("a", None, None, 2, True))

    found = merged([before, gone], ITEMS)

    assert found.select("title", "price_minor", "archived", "available").rows() == [("Apple", 100, True, False)]


def test_an_item_that_was_only_ever_archived_is_in_the_catalog():
    assert merged([batch(("a", None, None, 2, True))], ITEMS)["item_id"].to_list() == ["a"]


def test_an_item_that_comes_back_is_as_the_newest_row_says():
    found = merged(
        [batch(("a", "Apple", 100, 1, False), ("a", None, None, 2, True), ("a", "New", 80, 3, False))], ITEMS
    )

    assert found.select("title", "price_minor", "archived", "available").rows() == [("New", 80, False, True)]


def test_a_price_that_a_source_takes_back_is_gone():
    found = merged([batch(("a", "Apple", 100, 1, False)), batch(("a", "Apple", None, 2, False))], ITEMS)

    assert found["price_minor"].to_list() == [None]


def test_a_table_without_times_counts_its_last_row():
    orders = pl.DataFrame(
        {"order_id": ["1", "1"], "total_minor": [5, 7], "cancelled": [False, True]}, schema_overrides=schema(ORDERS)
    )
    rows = orders.with_columns(ts=pl.lit(at(1)), user_id=None, lines=None).cast(dict(schema(ORDERS)))

    assert merged([Batch(rows.lazy(), frozenset(ORDERS.names))], ORDERS)["total_minor"].to_list() == [7]


def test_no_rows_give_an_empty_table_with_all_columns():
    assert merged([], ITEMS).schema == schema(ITEMS)
    assert merged([batch()], ITEMS).schema == schema(ITEMS)


def test_every_item_is_once_in_the_result_whatever_order_it_came_in():
    rows = [(f"i{number % 7}", str(number), number, number % 5 + 1, False) for number in range(50)]
    newest = {}
    for id, title, _, day, _ in rows:
        if day >= newest.get(id, (0, ""))[0]:
            newest[id] = (day, title)

    assert titles(batch(*rows[:20]), batch(*rows[20:])) == {id: newest[id][1] for id in sorted(newest)}
