"""The how-to of the catalog: its document is one, and does with files what the page says."""

import re
from datetime import date
from pathlib import Path

import pytest

from data_contracts.documents import parse

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "keep-the-catalog-right.md"


@pytest.fixture
def acme(shop):
    (document,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    shop.document = parse(document.replace('"acme"', '"shop"').encode(), str(PAGE))
    for folder in ("products", "stock"):
        (shop.folder / folder).mkdir()
    shop.write("users.csv", "user_id,traits", 'ann,"{""loyalty"":""gold"",""age"":41}"')
    shop.write(
        "products/1.jsonl",
        '{"_id":"a","name":"Linen shirt","category":"Shirts","price":19.99,"tags":["New"],"url":"/a?utm_source=x",'
        '"attributes":{"color":"Black"},"updated_at":"2026-01-01T00:00:00Z","op":"I"}',
        '{"_id":"b","name":"Belt","category":"Belts","price":9.5,"tags":["colour:Red"],"url":"ftp://b",'
        '"attributes":{"color":null},"updated_at":"2026-01-01T00:00:00Z","op":"I"}',
    )
    shop.write("stock/1.csv", "sku,on_hand", "a,0")
    return shop


def test_the_document_of_the_page_makes_the_catalog_that_it_promises(acme):
    acme.run(2)

    assert acme.rows(2, "price_minor", "currency", "available", "tags", "url", "image_url") == [
        (
            *("a", 1999, "EUR", False, ["category:shirts", "color:black", "new"]),
            *("https://shop.example/a", "https://shop.example/none.png"),
        ),
        ("b", 950, "EUR", True, ["category:belts", "color:red"], None, "https://shop.example/none.png"),
    ]


def test_a_delete_in_its_feed_archives_an_item_and_leaves_what_it_was(acme):
    acme.write("products/2.jsonl", '{"_id":"b","updated_at":"2026-01-02T00:00:00Z","op":"D"}')

    acme.run(2)

    assert acme.rows(2, "title", "price_minor", "archived")[1] == ("b", "Belt", 950, True)


def test_a_file_of_prices_in_its_feed_changes_prices_alone(acme):
    acme.write("products/2.jsonl", '{"_id":"b","price":8,"updated_at":"2026-01-02T00:00:00Z","op":"U"}')

    acme.run(2)

    assert acme.rows(2, "title", "price_minor", "tags")[1] == ("b", "Belt", 800, ["category:belts", "color:red"])


def test_its_users_have_the_traits_that_it_allows(acme):
    acme.run(2)

    (row,) = acme.lake.read("users", "shop", date(2026, 1, 2)).select("segment", "traits").rows()
    assert row == ("gold", '{"loyalty":"gold","newsletter":false}')
