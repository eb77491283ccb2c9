from datetime import date

import polars as pl
import pytest
from msgspec.structs import replace
from polars.testing import assert_frame_equal

from data_contracts.policies import CatalogPolicy
from data_contracts.tables import ITEMS
from recsys_pipelines.catalog.cleaning import cleaned
from recsys_pipelines.catalog.report import CatalogReport
from recsys_pipelines.contract import schema

POLICY = CatalogPolicy(
    base_url="https://shop.example", fallback_image="https://shop.example/none.png", tag_facets={"colour": "color"}
)
DIRTY = (
    {"tags": ["Colour : Red", "brand:"], "brand": "Acme \t Corp", "url": "/p/1?utm_source=x", "image_url": "ftp://x"},
    {"price_minor": 100, "currency": "XXQ", "parent_id": "1", "tags": []},
    {"price_minor": 100, "parent_id": "2", "tags": ["new"], "image_url": "https://shop.example/a.png"},
    {"price_minor": 100, "currency": "USD", "parent_id": "4", "tags": []},
    {"parent_id": "6", "tags": []},
    {"parent_id": "5", "tags": [], "url": "javascript:x"},
    {"parent_id": "not-in-the-catalog", "tags": []},
)


def items(*rows):
    state = {"available": True, "archived": False}
    named = [{"item_id": str(number), **state, **row} for number, row in enumerate(rows, start=1)]
    return pl.DataFrame(named, schema=schema(ITEMS))


@pytest.fixture
def found():
    return cleaned(items(*DIRTY), POLICY, "EUR")


def test_tags_have_one_spelling_and_hold_brand_and_category(found):
    assert found.items["tags"].to_list()[:3] == [["brand:acme corp", "color:red"], [], ["new"]]
    assert found.items["brand"].to_list()[0] == "Acme Corp"


def test_a_price_in_no_known_currency_is_no_price_and_one_without_is_in_the_tenants(found):
    money = found.items.select("price_minor", "currency").rows()

    assert money[:4] == [(None, None), (None, None), (100, "EUR"), (100, "USD")]


def test_addresses_are_repaired_dropped_or_replaced(found):
    none = "https://shop.example/none.png"

    assert found.items["url"].to_list() == ["https://shop.example/p/1", *[None] * 6]
    assert found.items["image_url"].to_list() == [none, none, "https://shop.example/a.png", *[none] * 4]


def test_families_are_flat(found):
    assert found.items["parent_id"].to_list() == [None, "1", "1", None, None, "5", "not-in-the-catalog"]


def test_every_repair_is_counted(found):
    assert found.repairs == {
        "tags_dropped": 1,
        "tags_changed": 1,
        "currency_unknown": 1,
        "url_bad": 1,
        "url_repaired": 1,
        "image_bad": 1,
        "image_repaired": 0,
        "image_missing": 6,
        "parent_is_itself": 1,
        "parent_cycles": 1,
        "parent_collapsed": 1,
    }
    assert found.cycles == (("5", "6"),)


def test_cleaning_what_is_clean_changes_nothing(found):
    again = cleaned(found.items, POLICY, "EUR")

    assert_frame_equal(again.items, found.items)
    assert sum(again.repairs.values()) == 0


def test_an_empty_catalog_is_clean():
    assert sum(cleaned(items(), POLICY, "EUR").repairs.values()) == 0


def test_the_report_of_a_day_is_kept_with_the_catalog(shop):
    shop.document = replace(shop.document, catalog=POLICY)
    shop.write(
        "items/all.csv",
        "item_id,title,price_minor,currency,url,archived",
        "a,Apple,100,EUR,/a#x,0",
        "b,Bread,200,USD,ftp://b,0",
        "c,Cake,,,,1",
    )

    shop.run(2)

    report = shop.lake.read_json("catalog_report", "shop", date(2026, 1, 2), CatalogReport)
    assert (report.items, report.archived, report.available, report.without_price) == (3, 1, 2, 0)
    assert report.currencies == {"EUR": 1, "USD": 1}
    assert {name: count for name, count in report.repairs.items() if count} == {
        "url_bad": 1,
        "url_repaired": 1,
        "image_missing": 3,
    }
