import msgspec
import polars as pl
import pytest

from data_contracts.documents import Ranking
from data_contracts.tables import ITEMS
from recsys_algo.bundle import open_encoded
from recsys_algo.encode import encode_catalog
from recsys_pipelines.catalog.cleaning import cleaned
from recsys_pipelines.catalog.differences import Difference, differences, only_in, published
from recsys_pipelines.contract import schema


@pytest.fixture
def source(shop):
    """A catalog with something in every column, and one with next to nothing."""
    rows = [
        {
            "item_id": "a",
            "title": "Apple",
            "description": "Round",
            "brand": "Acme",
            "category": "Fruit",
            "tags": ["new"],
        }
        | {"price_minor": 100, "url": "https://s.example/a", "image_url": "https://s.example/a.png", "parent_id": "p"}
        | {"available": True, "archived": False},
        {"item_id": "b", "title": "", "tags": [], "available": False, "archived": True},
    ]
    items = pl.DataFrame(rows, schema=schema(ITEMS))
    return cleaned(items, shop.document.catalog, "EUR").items


@pytest.fixture
def serve(tmp_path):
    def served(items, at):
        columns = {name: items[name].to_list() for name in ITEMS.names}
        encoded = encode_catalog(columns, tmp_path / at)
        return published(open_encoded("demo", "home", [encoded], msgspec.convert({}, Ranking), None).catalog)

    return served


def test_what_was_published_of_a_catalog_does_not_differ_from_it(source, serve):
    served = serve(source, "served")

    assert differences(source, served) == {}
    assert (only_in(source, served).count, only_in(served, source).count) == (0, 0)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("price_minor", 90),
        ("title", "Pear"),
        ("available", False),
        ("archived", True),
        ("tags", ["old"]),
        ("url", None),
    ],
)
def test_what_changed_is_named_with_both_values(source, serve, column, value):
    is_first = pl.col("item_id") == "a"
    now = source.with_columns(
        pl.when(is_first).then(pl.lit(value, source.schema[column])).otherwise(column).alias(column)
    )

    found = differences(now, serve(source, "served"))

    assert list(found) == [column]
    assert found[column].count == 1
    assert found[column].examples == (Difference(item_id="a", source=value, served=source.row(0, named=True)[column]),)


def test_items_of_one_side_are_counted_and_the_first_ones_named(source):
    many = pl.DataFrame({"item_id": [f"i{number:02}" for number in range(30)]})

    found = only_in(many, source, examples=2)

    assert (found.count, found.examples) == (30, ("i00", "i01"))
    assert only_in(source, source).count == 0
