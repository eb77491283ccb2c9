from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from data_contracts.tables import INTERACTIONS
from recsys_pipelines import contract
from recsys_pipelines.algorithm import TrainingData, schema
from recsys_pipelines.algorithms.latest import Latest

NOW = datetime(2026, 1, 29, tzinfo=UTC)
NOBODY = pl.DataFrame(schema=contract.schema(INTERACTIONS))


def data(items):
    """A catalog of (item, category, age in days or None); nobody has touched anything."""
    rows = [(id, category, None if age is None else NOW - timedelta(days=age)) for id, category, age in items]
    columns = {"item_id": pl.String, "category": pl.String, "created_at": pl.Datetime("us", "UTC")}
    return TrainingData(NOBODY, pl.DataFrame(rows, columns, orient="row"), now=NOW)


def lists(table):
    """What each segment's list says, in order."""
    return {
        segment: list(rows.select("item_id", "score").iter_rows())
        for (segment,), rows in table.group_by("segment", maintain_order=True)
    }


def test_the_newest_come_first_for_everybody_and_in_each_category():
    table = Latest().fit(data([("tea", "drinks", 3), ("bread", "food", 0), ("coffee", "drinks", 1)]))

    assert lists(table) == {
        "": [("bread", 1.0), ("coffee", 1 / 2), ("tea", 1 / 4)],
        "category:drinks": [("coffee", 1 / 2), ("tea", 1 / 4)],
        "category:food": [("bread", 1.0)],
    }


def test_items_of_one_age_go_by_id():
    table = Latest(per_category=False).fit(data([("tea", None, 1), ("bread", None, 1)]))

    assert lists(table) == {"": [("bread", 1 / 2), ("tea", 1 / 2)]}


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(30.0, ["new"], id="a window"),
        pytest.param(31.0, ["new", "old"], id="the end of the window is in it"),
        pytest.param(None, ["new", "old", "oldest"], id="any age"),
    ],
)
def test_only_the_window_counts(days, expected):
    table = Latest(days=days, per_category=False).fit(data([("old", "a", 31), ("new", "a", 2), ("oldest", "a", 4000)]))

    assert table["item_id"].to_list() == expected


def test_what_is_created_after_now_is_not_known_yet():
    table = Latest(per_category=False).fit(data([("tomorrow", "a", -1), ("now", "a", 0)]))

    assert table["item_id"].to_list() == ["now"]


def test_a_list_is_cut_at_its_limit():
    table = Latest(limit=1).fit(data([("tea", "drinks", 3), ("bread", "food", 0), ("coffee", "drinks", 1)]))

    assert lists(table) == {
        "": [("bread", 1.0)],
        "category:drinks": [("coffee", 1 / 2)],
        "category:food": [("bread", 1.0)],
    }


def test_what_cannot_be_bought_is_not_offered():
    catalog = data([("sold", "a", 1), ("gone", "a", 1), ("here", "a", 1)]).catalog.with_columns(
        available=pl.Series([False, True, True]), archived=pl.Series([False, True, False])
    )

    table = Latest(per_category=False).fit(TrainingData(NOBODY, catalog, now=NOW))

    assert table["item_id"].to_list() == ["here"]


@pytest.mark.parametrize(
    "catalog",
    [
        pytest.param(pl.DataFrame({"item_id": ["tea"]}), id="no column of times"),
        pytest.param(pl.DataFrame({"item_id": ["tea"], "created_at": [None]}), id="no time in it"),
        pytest.param(pl.DataFrame(schema={"item_id": pl.String}), id="no items"),
    ],
)
def test_a_catalog_without_times_gives_no_list(catalog):
    table = Latest().fit(TrainingData(NOBODY, catalog, now=NOW))

    assert table.is_empty()
    assert dict(table.schema) == schema("item_scores")
