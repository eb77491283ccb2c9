"""Catalogs of several days, from real files."""

from datetime import date

import pytest
from msgspec.structs import replace

FULL = {"items": [{"path": "items", "mode": "snapshot"}]}
FEED = {"archived": {"column": "op", "values": {"D": "true", "I": "false", "U": "false"}}, "price_minor": "price"}


def patient(shop, days):
    """The document, with items archived that nobody has named for so many days."""
    return replace(shop.document, catalog=replace(shop.document.catalog, archived_after_days=days))


def test_an_item_that_the_newest_snapshot_does_not_name_is_archived_and_stays(shop):
    shop.sources(**FULL)
    shop.write("items/1.csv", "item_id,title,price_minor", "a,Apple,100", "b,Bread,200")
    shop.write("items/2.csv", "item_id,title,price_minor", "b,Bread,220", "c,Cake,300")

    shop.run(2)

    assert shop.rows(2, "title", "price_minor", "available", "archived") == [
        ("a", "Apple", 100, False, True),
        ("b", "Bread", 220, True, False),
        ("c", "Cake", 300, True, False),
    ]


def test_a_snapshot_that_replaced_its_file_archives_what_the_catalog_before_had(shop):
    shop.sources(**FULL)
    shop.write("items/all.csv", "item_id,title", "a,Apple", "b,Bread")
    shop.run(2)
    shop.write("items/all.csv", "item_id,title", "b,Bread")

    shop.run(3)

    assert shop.rows(2, "archived") == [("a", False), ("b", False)]
    assert shop.rows(3, "title", "archived") == [("a", "Apple", True), ("b", "Bread", False)]


def test_it_is_archived_also_if_the_same_day_runs_again_and_stays_so(shop):
    shop.sources(**FULL)
    shop.write("items/all.csv", "item_id,title", "a,Apple", "b,Bread")
    shop.run(2)
    shop.write("items/all.csv", "item_id,title", "b,Bread")
    shop.run(2)
    once = shop.tree()

    shop.run(2)

    assert shop.rows(2, "archived") == [("a", True), ("b", False)]
    assert shop.tree() == once


def test_an_item_that_a_snapshot_names_again_is_back(shop):
    shop.sources(**FULL)
    for day, rows in enumerate((["a,Apple", "b,Bread"], ["b,Bread"], ["a,Apricot", "b,Bread"]), start=2):
        shop.write("items/all.csv", "item_id,title", *rows)
        shop.run(day)

    assert shop.rows(4, "title", "archived", "available")[0] == ("a", "Apricot", False, True)


def test_an_empty_snapshot_archives_nothing(shop):
    shop.sources(**FULL)
    shop.write("items/1.csv", "item_id,title", "a,Apple")
    shop.write("items/2.csv", "item_id,title")

    shop.run(2)

    assert shop.rows(2, "archived") == [("a", False)]


def test_an_item_of_another_source_is_not_archived_by_a_snapshot(shop):
    shop.sources(items=[{"path": "items/all.csv", "mode": "snapshot"}, {"path": "items/more.csv"}])
    shop.write("items/all.csv", "item_id,title", "a,Apple")
    shop.write("items/more.csv", "item_id,title", "m,Milk")

    shop.run(2)
    shop.run(3)

    assert shop.rows(3, "archived") == [("a", False), ("m", False)]


def test_a_change_feed_inserts_updates_and_deletes(shop):
    shop.sources(items=[{"path": "items", "fields": FEED}])
    head = "item_id,title,price,op,updated_at"
    shop.write("items/1.csv", head, "a,Apple,100,I,2026-01-01", "b,Bread,200,I,2026-01-01")
    shop.write("items/2.csv", head, "a,Apple,120,U,2026-01-02", "b,,,D,2026-01-02")

    shop.run(2)

    assert shop.rows(2, "title", "price_minor", "available", "archived") == [
        ("a", "Apple", 120, True, False),
        ("b", "Bread", 200, False, True),
    ]


@pytest.mark.parametrize("names", [("1", "2"), ("2", "1")], ids=["in order", "the newer file first"])
def test_an_older_row_never_overwrites_a_newer_one_whatever_the_order_of_files(shop, names):
    old, new = names
    shop.write(f"items/{old}.csv", "item_id,price_minor,updated_at", "a,100,2026-01-01T00:00:00Z")
    shop.write(f"items/{new}.csv", "item_id,price_minor,updated_at", "a,120,2026-01-02T00:00:00Z")

    shop.run(2)

    assert shop.rows(2, "price_minor") == [("a", 120)]


def test_a_batch_that_is_sent_again_changes_not_a_byte(shop):
    shop.write("items/1.csv", "item_id,title,updated_at", "a,Apple,2026-01-01", "b,Bread,2026-01-01")
    shop.write("items/2.csv", "item_id,title,updated_at", "a,Apricot,2026-01-02")
    shop.run(3)
    before = shop.tree()
    shop.write("items/3.csv", "item_id,title,updated_at", "a,Apple,2026-01-01", "b,Bread,2026-01-01")
    shop.write("items/4.csv", "item_id,title,updated_at", "a,Apricot,2026-01-02")

    shop.run(3)

    assert shop.tree() == before


def test_a_stock_feed_beside_the_catalog_changes_availability_only(shop):
    shop.sources(items=[{"path": "items/all.csv"}, {"path": "items/stock.csv"}])
    shop.write("items/all.csv", "item_id,title,price_minor,category", "a,Apple,100,Fruit", "b,Bread,200,Bakery")
    shop.write("items/stock.csv", "item_id,available", "a,0")

    shop.run(2)

    assert shop.rows(2, "title", "price_minor", "category", "available") == [
        ("a", "Apple", 100, "Fruit", False),
        ("b", "Bread", 200, "Bakery", True),
    ]
    assert shop.items(2)["tags"].to_list() == [["category:fruit"], ["category:bakery"]]


def test_items_that_no_source_has_named_for_long_are_archived(shop):
    shop.document = patient(shop, 5)
    shop.write("items/1.csv", "item_id,title", "a,Apple", "b,Bread")
    shop.run(2)
    shop.write("items/2.csv", "item_id,title", "b,Bread")

    for day in (3, 7, 8):
        shop.run(day)

    assert [dict(shop.rows(day, "archived"))["a"] for day in (2, 3, 7, 8)] == [False, False, False, True]
    assert dict(shop.rows(8, "archived"))["b"] is False


def test_an_item_whose_file_is_gone_waits_for_as_long_before_it_is_archived(shop):
    shop.document = patient(shop, 5)
    shop.write("items/all.csv", "item_id,title", "a,Apple", "b,Bread")
    shop.run(2)
    shop.write("items/all.csv", "item_id,title", "b,Bread")

    for day in (3, 7, 8):
        shop.run(day)

    assert [shop.rows(day, "title", "archived")[0] for day in (3, 7, 8)] == [
        ("a", "Apple", False),
        ("a", "Apple", False),
        ("a", "Apple", True),
    ]


def test_users_of_a_snapshot_are_those_of_its_newest_file(shop):
    shop.sources(users=[{"path": "users", "mode": "snapshot"}])
    (shop.folder / "users").mkdir()
    shop.write("users/1.csv", "user_id,segment", "ann,gold", "bob,gold")
    shop.write("users/2.csv", "user_id,segment", "ann,silver")

    shop.run(2)

    users = shop.lake.read("users", "shop", date(2026, 1, 2))
    assert users.select("user_id", "segment").rows() == [("ann", "silver")]
