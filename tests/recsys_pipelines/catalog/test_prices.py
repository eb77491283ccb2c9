"""Prices from files: decimal amounts in the currency that each row names."""

from datetime import date

import pytest

from data_contracts.errors import InvalidDocument
from recsys_pipelines.ledger import rejected


def test_a_decimal_price_has_the_decimals_of_its_currency(shop):
    shop.sources(items=[{"path": "items", "fields": {"price_minor": {"column": "price", "minor_units": True}}}])
    shop.write("items/1.csv", "item_id,price,currency", "a,19.99,USD", "b,1500,JPY", "c,1.234,BHD", "d,0.125,", "e,,")

    shop.run(2)

    assert shop.rows(2, "price_minor", "currency") == [
        ("a", 1999, "USD"),
        ("b", 1500, "JPY"),
        ("c", 1234, "BHD"),
        ("d", 12, "EUR"),
        ("e", None, None),
    ]


def test_a_price_in_an_unknown_currency_is_rejected(shop):
    shop.sources(items=[{"path": "items", "fields": {"price_minor": {"column": "price", "minor_units": True}}}])
    shop.write("items/1.csv", "item_id,price,currency", "a,19.99,XXQ", "b,5,EUR")

    shop.run(2)

    assert shop.rows(2, "price_minor") == [("b", 500)]
    assert rejected(shop.lake, "shop").select("row", "rule", "value").rows() == [
        (1, "price_minor: a whole number", "19.99")
    ]


def test_a_new_price_is_in_the_next_catalog_and_the_old_one_in_its_history(shop):
    shop.write("items/1.csv", "item_id,price_minor,updated_at", "a,100,2026-01-01T08:00:00Z")
    shop.run(2)
    shop.write("items/2.csv", "item_id,price_minor,updated_at", "a,90,2026-01-03T08:00:00Z")

    shop.run(3)

    changes = shop.lake.read("item_changes", "shop", date(2026, 1, 3))
    assert shop.rows(3, "price_minor") == [("a", 90)]
    assert changes.select("item_id", "price_minor").rows() == [("a", 90)]


def test_what_is_no_money_has_no_minor_units(shop):
    shop.sources(items=[{"path": "items", "fields": {"title": {"column": "name", "minor_units": True}}}])
    shop.write("items/1.csv", "item_id,name", "a,Apple")

    with pytest.raises(InvalidDocument, match="minor_units"):
        shop.run(2)
