from datetime import UTC, date, datetime, timedelta
from random import Random

import polars as pl
import pytest

from data_contracts.catalog_tables import ITEM_CHANGES
from data_contracts.directory import DirectoryBlobs
from data_contracts.tables import ITEMS
from recsys_pipelines.catalog.changes import as_of, history, record_changes
from recsys_pipelines.contract import schema
from recsys_pipelines.lake import Lake


def at(day, hour=0):
    return datetime(2026, 1, day, hour, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path):
    return Lake(DirectoryBlobs(tmp_path))


def items(*rows):
    """(item_id, price_minor, available, updated_at)"""
    return pl.DataFrame(
        [
            {"item_id": id, "price_minor": price, "available": there, "updated_at": time, "archived": False}
            for id, price, there, time in rows
        ],
        schema=schema(ITEMS),
    )


def keep(lake, day, *rows):
    lake.write("items", "shop", date(2026, 1, day), items(*rows))
    record_changes(lake, "shop", date(2026, 1, day))


def changed(lake, day):
    found = lake.read("item_changes", "shop", date(2026, 1, day))
    return found.select("item_id", "price_minor", "available", "archived").rows()


def versions(lake, until=31):
    found = history(lake, "shop", date(2026, 1, until))
    return found.select("item_id", "valid_from", "valid_to", "price_minor", "available").rows()


def test_a_day_has_the_items_that_differ_from_the_day_before(lake):
    keep(lake, 2, ("a", 100, True, None), ("b", 200, True, None))
    keep(lake, 3, ("a", 90, True, None), ("b", 200, True, None), ("c", 5, False, None))

    assert changed(lake, 2) == [("a", 100, True, False), ("b", 200, True, False)]
    assert changed(lake, 3) == [("a", 90, True, False), ("c", 5, False, False)]


def test_the_columns_are_those_of_the_contract_also_on_a_day_without_changes(lake):
    keep(lake, 2, ("a", 100, True, None))
    keep(lake, 3, ("a", 100, True, None))

    assert changed(lake, 3) == []
    assert lake.read("item_changes", "shop", date(2026, 1, 3)).schema == schema(ITEM_CHANGES)


def test_a_version_begins_when_the_source_changed_it_or_else_with_the_day(lake):
    keep(lake, 2, ("a", 100, True, at(1, 8)), ("b", 200, True, None))
    keep(lake, 4, ("a", 90, True, at(3, 8)), ("b", 190, True, None))

    assert versions(lake) == [
        ("a", at(1, 8), at(3, 8), 100, True),
        ("a", at(3, 8), None, 90, True),
        ("b", at(2), at(4), 200, True),
        ("b", at(4), None, 190, True),
    ]


def test_a_change_that_the_source_does_not_date_begins_with_the_day(lake):
    """Such as one that a snapshot archived: ``updated_at`` still says when its title was corrected."""
    keep(lake, 2, ("a", 100, True, at(1, 8)))
    keep(lake, 4, ("a", 100, False, at(1, 8)))

    assert versions(lake) == [("a", at(1, 8), at(4), 100, True), ("a", at(4), None, 100, False)]


def test_an_item_that_is_not_known_any_more_cannot_be_bought_from_then_on(lake):
    keep(lake, 2, ("a", 100, True, None), ("b", 200, True, None))
    keep(lake, 3, ("b", 200, True, None))

    assert versions(lake)[:2] == [("a", at(2), at(3), 100, True), ("a", at(3), None, None, False)]


def test_history_until_a_day_does_not_know_the_days_after_it(lake):
    keep(lake, 2, ("a", 100, True, None))
    keep(lake, 3, ("a", 90, True, None))

    assert versions(lake, until=2) == [("a", at(2), None, 100, True)]


def test_a_day_that_is_made_again_says_the_same(lake):
    keep(lake, 2, ("a", 100, True, None))
    keep(lake, 3, ("a", 90, True, None))
    before = lake.read("item_changes", "shop", date(2026, 1, 3))

    keep(lake, 3, ("a", 90, True, None))

    assert lake.read("item_changes", "shop", date(2026, 1, 3)).equals(before)


def test_a_day_that_is_made_after_a_later_one_changes_only_what_was_in_between(lake):
    keep(lake, 2, ("a", 100, True, None))
    keep(lake, 9, ("a", 100, True, None))

    keep(lake, 5, ("a", 80, True, None))

    assert versions(lake) == [
        ("a", at(2), at(5), 100, True),
        ("a", at(5), at(9), 80, True),
        ("a", at(9), None, 100, True),
    ]


def test_a_tenant_without_a_catalog_has_no_history(lake):
    assert history(lake, "shop", date(2026, 1, 1)).is_empty()


def test_an_event_sees_the_price_of_its_time_and_nothing_before_the_first_one(lake):
    keep(lake, 2, ("a", 100, True, None))
    keep(lake, 4, ("a", 90, False, None))
    rows = [("a", at(4)), ("a", at(1, 23)), ("a", at(3, 23)), ("x", at(3)), (None, at(3)), ("a", at(2))]
    events = pl.DataFrame(rows, schema={"item_id": pl.String(), "ts": pl.Datetime("us", "UTC")}, orient="row")

    seen = as_of(events, history(lake, "shop", date(2026, 1, 9)))

    assert seen.select("item_id", "ts").rows() == rows
    assert seen["price_minor"].to_list() == [90, None, 100, None, None, 100]
    assert seen["available"].to_list() == [False, None, True, None, None, True]


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_looking_through_every_catalog(lake, seed):
    """Brute force: the catalogs of all days, in the order of days, whatever order they were made in."""
    rng = Random(seed)
    catalogs = {
        day: {f"i{item}": (rng.choice([1, 2]), rng.random() < 0.7) for item in range(6) if rng.random() < 0.7}
        for day in rng.sample(range(2, 30), 8)
    }
    for day, catalog in catalogs.items():
        keep(lake, day, *((id, price, there, None) for id, (price, there) in sorted(catalog.items())))
    rows = [(f"i{rng.randrange(7)}", at(1) + timedelta(hours=rng.randrange(720))) for _ in range(300)]
    events = pl.DataFrame(rows, schema={"item_id": pl.String(), "ts": pl.Datetime("us", "UTC")}, orient="row")

    def looked_up(id, ts):
        state = (None, None)
        for day in sorted(day for day in catalogs if at(day) <= ts):
            state = catalogs[day].get(id, (None, None if state == (None, None) else False))
        return state

    seen = as_of(events, history(lake, "shop", date(2026, 1, 31)))

    assert seen.select("price_minor", "available").rows() == [looked_up(*row) for row in rows]
