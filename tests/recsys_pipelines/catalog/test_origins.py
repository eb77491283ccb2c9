import pytest

from data_contracts.source_specs import Field, Kafka, Postgres, SourceSpec
from data_contracts.tables import ITEMS, USERS
from recsys_pipelines.catalog.origins import gives, is_lasting


@pytest.mark.parametrize(
    ("fields", "columns", "expected"),
    [
        pytest.param({}, {"item_id", "available"}, {"item_id", "available"}, id="columns by our name"),
        pytest.param({"title": "name"}, {"sku", "name"}, {"item_id", "title"}, id="a column by another name"),
        pytest.param(
            {"title": "name"}, {"sku", "title"}, {"item_id"}, id="one that is made from a column that is missing"
        ),
        pytest.param({"title": "product.name"}, {"product"}, {"item_id", "title"}, id="the inside of a column"),
        pytest.param({"currency": Field(constant="EUR")}, {"sku"}, {"item_id", "currency"}, id="a constant"),
        pytest.param(
            {"tags": Field(column="labels", also={"color": "color:"})},
            {"color"},
            {"item_id", "tags"},
            id="a further tag",
        ),
        pytest.param({}, {"brand"}, {"item_id", "brand", "tags"}, id="a brand, which is a tag too"),
    ],
)
def test_a_file_speaks_of_what_is_made_from_its_columns(fields, columns, expected):
    spec = SourceSpec(path="items.csv", fields=fields)

    assert gives(spec, ITEMS, dict.fromkeys(columns, "text")) == expected


def test_of_a_file_of_which_nothing_is_known_everything_counts():
    assert gives(SourceSpec(path="users.csv"), USERS, {}) == set(USERS.names)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (SourceSpec(kafka=Kafka(brokers="b", topic="t")), True),
        (SourceSpec(kafka=Kafka(brokers="b", topic="t"), mode="snapshot"), False),
        (SourceSpec(postgres=Postgres(url="u", table="t", cursor="id")), True),
        (SourceSpec(postgres=Postgres(url="u", table="t")), False),
        (SourceSpec(path="items.csv"), False),
    ],
    ids=["kafka", "full states over kafka", "postgres by cursor", "a whole table", "files"],
)
def test_only_what_is_pulled_as_changes_outlives_its_files(spec, expected):
    assert is_lasting([spec]) is expected
