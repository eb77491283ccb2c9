"""The catalog in memory says what the encoder was given."""

from datetime import UTC, datetime

import numpy as np
import pytest

from recsys_algo.arrays import mapped
from recsys_algo.catalog import Catalog
from recsys_algo.encode import encode_catalog
from recsys_algo.errors import BadArtifact

SHIRT = {
    "item_id": "shirt-red",
    "title": "Red shirt",
    "description": "",
    "brand": "Acme",
    "category": "shirts",
    "price_minor": 1999,
    "currency": "EUR",
    "available": False,
    "parent_id": "shirt",
    "created_at": datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC),
    "tags": ["Color:Red", "size:m"],
    "url": "https://shop.example/shirt",
    "image_url": None,
}


@pytest.fixture
def catalog_of(tmp_path):
    def opened(*rows):
        names = {name for row in rows for name in row} | {"item_id"}
        encoded = encode_catalog({name: [row.get(name) for row in rows] for name in names}, tmp_path)
        return Catalog.of(mapped("items", ((path.name, path) for path in encoded.files)))

    return opened


def test_an_item_is_described_as_it_was_given(catalog_of):
    catalog = catalog_of(SHIRT, {"item_id": "a"})

    assert catalog.describe(catalog.ids.find("shirt-red")) == SHIRT | {
        "created_at": "2026-01-02T03:04:05.600000Z",
        "tags": ["brand:acme", "category:shirts", "color:red", "size:m"],
    }


def test_what_is_not_known_of_an_item_is_none(catalog_of):
    catalog = catalog_of({"item_id": "a"})

    assert catalog.describe(0, ["item_id", "title", "price_minor", "brand", "created_at", "tags", "available"]) == {
        "item_id": "a",
        "title": None,
        "price_minor": None,
        "brand": None,
        "created_at": None,
        "tags": [],
        "available": True,
    }


def test_numpy_times_and_missing_numbers_are_understood(catalog_of):
    catalog = catalog_of(
        {"item_id": "a", "created_at": np.datetime64("2026-01-01"), "price_minor": float("nan")},
        {"item_id": "b", "created_at": np.datetime64("NaT"), "price_minor": 5},
    )

    assert catalog.describe(0, ["created_at", "price_minor"]) == {
        "created_at": "2026-01-01T00:00:00Z",
        "price_minor": None,
    }
    assert catalog.describe(1, ["created_at", "price_minor"]) == {"created_at": None, "price_minor": 5}


def test_variants_share_a_group_with_each_other_and_with_their_parent(catalog_of):
    catalog = catalog_of(
        {"item_id": "p"}, {"item_id": "v1", "parent_id": "p"}, {"item_id": "v2", "parent_id": "p"}, {"item_id": "x"}
    )

    p, v1, v2, x = catalog.group.tolist()
    assert p == v1 == v2 != x
    assert catalog.has_variants


def test_a_brand_and_a_category_are_tags_too(catalog_of):
    catalog = catalog_of({"item_id": "a", "brand": "Acme"}, {"item_id": "b", "category": "Shirts", "tags": ["NEW"]})

    assert catalog.tagged("brand:acme").tolist() == [0]
    assert catalog.tagged("category:shirts").tolist() == [1]
    assert catalog.tagged("New").tolist() == [1]
    assert catalog.tagged("old").tolist() == []


def test_the_newest_items_come_first_and_those_without_a_time_not_at_all(catalog_of):
    day = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
    catalog = catalog_of(
        {"item_id": "a", "created_at": day[0]},
        {"item_id": "b"},
        {"item_id": "c", "created_at": day[1]},
        {"item_id": "d", "created_at": day[1]},
    )

    assert catalog.newest.tolist() == [2, 3, 0]


def test_a_catalog_of_nothing_opens(catalog_of):
    catalog = catalog_of()

    assert len(catalog) == 0


def test_a_catalog_without_an_array_is_refused(catalog_of):
    arrays = dict(catalog_of(SHIRT).arrays)
    del arrays["brand"]

    with pytest.raises(BadArtifact, match="'brand' is missing"):
        Catalog.of(arrays)


def test_a_catalog_with_a_short_array_is_refused(catalog_of):
    arrays = dict(catalog_of(SHIRT, {"item_id": "a"}).arrays)
    arrays["brand"] = arrays["brand"][:1]

    with pytest.raises(BadArtifact, match="2 items, but 1 entries of 'brand'"):
        Catalog.of(arrays)
