from datetime import UTC, datetime

import polars as pl
import pytest

from data_contracts.tables import EVENTS, ITEMS
from recsys_eval.errors import EvaluationError
from recsys_pipelines.backtest.data import (
    UNDATED,
    Columns,
    catalog,
    identified,
    is_dated,
    read_candidates,
    read_events,
    read_items,
)
from recsys_pipelines.backtest.errors import UnusableFile
from recsys_pipelines.backtest.preparing import Weighing
from recsys_pipelines.contract import schema


def test_two_columns_are_enough(world):
    path = world.write("rows.csv", pl.DataFrame({"user_id": [7, 8], "item_id": [1, 2]}))

    events = read_events(path, Columns())

    assert events.schema == schema(EVENTS)
    assert events.select("user_id", "item_id", "value", "ts", "type").rows() == [
        ("7", "1", 1.0, UNDATED, "purchase"),
        ("8", "2", 1.0, UNDATED, "purchase"),
    ]
    assert not is_dated(events)


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_whole_numbers_are_ids_in_every_format(world, name):
    rows = pl.DataFrame({"user_id": [7], "item_id": [1], "weight": [4.0], "timestamp": [885870323]})

    events = read_events(world.write(name, rows), Columns())

    assert events.select("user_id", "item_id", "value", "ts").rows() == [
        ("7", "1", 4.0, datetime(1998, 1, 27, 3, 5, 23, tzinfo=UTC))
    ]


@pytest.mark.parametrize(
    ("train", "test"),
    [
        pytest.param([7, 9007199254740993], ["7", "9007199254740993"], id="numbers and texts"),
        pytest.param([7.0, None, 12.0], [7, 12], id="numbers that a gap made floats"),
        pytest.param([7.0, float("nan")], ["7"], id="a gap that is no number"),
        pytest.param([18446744073709551615], ["18446744073709551615"], id="the largest number"),
        pytest.param(["7", "007", "7.0"], ["7.0", "7", "007"], id="texts alike but not the same"),
    ],
)
def test_an_id_is_the_same_whatever_the_type_of_its_column(world, train, test):
    kind = pl.UInt64 if max(filter(None, train), key=str) == 18446744073709551615 else None
    one = pl.DataFrame({"user_id": pl.Series(train, dtype=kind), "item_id": ["x"] * len(train)})
    other = pl.DataFrame({"user_id": test, "item_id": ["x"] * len(test)})

    first, _ = identified(read_events(world.write("train.parquet", one), Columns()), "train")
    second, _ = identified(read_events(world.write("test.csv", other), Columns()), "test")

    assert set(first["user_id"]) == set(second["user_id"]) == {str(each) for each in test}


def test_a_column_that_is_named_must_be_there_to_learn_from_but_not_to_ask(world):
    path = world.write("rows.csv", pl.DataFrame({"user_id": ["a"], "item_id": ["x"]}))
    columns = Columns(weight="stars", timestamp="at")

    with pytest.raises(UnusableFile, match=r"no column 'stars'; it has user_id, item_id: .* --weight-column"):
        read_events(path, columns, whole=True)

    assert read_events(path, columns)["value"].to_list() == [1.0]


def test_rows_of_one_pair_add_up_and_a_sum_of_zero_is_no_pair(world):
    rows = pl.DataFrame({"user_id": ["a", "a", "b"], "item_id": ["x", "x", "x"], "weight": [1.5, 2, 0]})
    events = read_events(world.write("rows.csv", rows), Columns())

    pairs = Weighing().pairs(events, UNDATED, catalog(pl.DataFrame({"item_id": ["x"]})))

    assert pairs.select("user_id", "item_id", "weight").rows() == [("a", "x", 3.5)]


def test_columns_may_have_other_names(world):
    path = world.write(
        "rows.csv", pl.DataFrame({"who": ["a"], "what": ["x"], "stars": [3], "at": ["2026-01-02"], "did": ["view"]})
    )

    events = read_events(path, Columns(user="who", item="what", weight="stars", timestamp="at", type="did"))

    assert events.select("user_id", "item_id", "value", "ts", "type").rows() == [
        ("a", "x", 3.0, datetime(2026, 1, 2, tzinfo=UTC), "view")
    ]


IDS = {"user_id": ["a"], "item_id": ["x"]}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param(
            {"who": ["a"], "item_id": ["x"]}, "'user_id'; it has who, item_id: .* --user-column", id="no user"
        ),
        pytest.param({"user_id": ["a"], "what": ["x"]}, "no column 'item_id'.* --item-column", id="no item"),
        pytest.param({**IDS, "weight": ["much"]}, "row 1: weight 'much' is not a weight", id="words for a weight"),
        pytest.param({**IDS, "weight": [-1]}, "weight '-1' is not a weight: .* at least 0", id="a negative weight"),
        pytest.param({**IDS, "weight": ["nan"]}, "weight 'nan' is not", id="NaN"),
        pytest.param({**IDS, "weight": ["inf"]}, "weight 'inf' is not", id="infinity"),
        pytest.param({**IDS, "weight": [None]}, "weight 'None' is not", id="a gap"),
        pytest.param({**IDS, "type": ["buy"]}, "type 'buy' is not an event type; there are view", id="a type"),
        pytest.param({"user_id": [], "item_id": []}, "has no rows", id="no rows"),
    ],
)
def test_what_cannot_be_used_is_named(world, rows, message):
    path = world.write("rows.csv", pl.DataFrame(rows))

    with pytest.raises(UnusableFile, match=message):
        read_events(path, Columns())


def test_a_time_that_is_none_is_named(world):
    path = world.write("rows.csv", pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "timestamp": ["noon"]}))

    with pytest.raises(EvaluationError, match="row 1: ts 'noon' is not a time"):
        read_events(path, Columns())


def test_a_catalog_needs_no_more_than_ids(world):
    items = read_items(
        world.write("items.csv", pl.DataFrame({"item_id": ["b", "a", "b"], "title": ["old", "A", "new"]}))
    )

    assert items.schema == schema(ITEMS)
    assert items.select("item_id", "title", "available", "archived").rows() == [
        ("a", "A", True, False),
        ("b", "new", True, False),
    ]


def test_a_folder_is_all_its_files_by_name(world, tmp_path):
    (tmp_path / "days").mkdir()
    for name, user in (("2.csv", "bob"), ("1.csv", "ann")):
        world.write(f"days/{name}", pl.DataFrame({"user_id": [user], "item_id": ["x"]}))

    events = read_events(tmp_path / "days", Columns())

    assert events["user_id"].to_list() == ["ann", "bob"]
    assert events["event_id"].n_unique() == 2


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(UnusableFile, match="holds no files"):
        read_events(tmp_path, Columns())


def test_rows_of_nobody_are_left_out_and_counted(world):
    path = world.write("rows.csv", pl.DataFrame({"user_id": ["a", None, "c"], "item_id": ["x", "y", None]}))

    whole, told = identified(read_events(path, Columns()), "train")

    assert whole["user_id"].to_list() == ["a"]
    assert told == ["2 of 3 rows of train name no user or no item and are left out"]


def test_nothing_but_nobody_is_refused(world):
    path = world.write("rows.csv", pl.DataFrame({"user_id": ["", ""], "item_id": ["x", "y"]}))

    with pytest.raises(UnusableFile, match="no row of train names both"):
        identified(read_events(path, Columns()), "train")


MOMENT = datetime(1998, 1, 27, 3, 5, 23, tzinfo=UTC)


@pytest.mark.parametrize("name", ["timestamp", "when"])
@pytest.mark.parametrize("file", ["rows.csv", "rows.parquet"])
@pytest.mark.parametrize(
    "at", [885870323000, 885870323000.0, 885870323, 885870323.0, "1998-01-27T03:05:23", "1998-01-27T05:05:23+02:00"]
)
def test_a_moment_is_the_same_however_it_is_written(world, at, file, name):
    path = world.write(file, pl.DataFrame({"user_id": ["a"], "item_id": ["x"], name: [at]}))

    (moment,) = read_events(path, Columns(timestamp=name), whole=True)["ts"]

    assert moment == MOMENT


@pytest.mark.parametrize(
    "kind",
    [pl.Datetime("ns"), pl.Datetime("ms", "UTC"), pl.Datetime("us", "Asia/Tokyo")],
    ids=["naive", "milliseconds", "elsewhere"],
)
def test_a_moment_may_be_a_column_of_times(world, kind):
    moments = pl.Series([MOMENT]).dt.cast_time_unit(kind.time_unit)
    there = (
        moments.dt.replace_time_zone(None) if kind.time_zone is None else moments.dt.convert_time_zone(kind.time_zone)
    )
    path = world.write("rows.parquet", pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "timestamp": there}))

    assert read_events(path, Columns())["ts"].to_list() == [MOMENT]


def test_some_moments_may_have_parts_of_a_second(world):
    at = ["2026-01-02T03:04:05.250000", "2026-01-02T03:04:05"]
    path = world.write("rows.csv", pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "x"], "timestamp": at}))

    assert [moment.microsecond for moment in read_events(path, Columns())["ts"]] == [250_000, 0]


def test_candidates_are_pairs_each_once(world):
    path = world.write("pairs.csv", pl.DataFrame({"user_id": [1, 1, 2], "item_id": [7, 7, 7]}))

    assert read_candidates(path, Columns()).rows() == [("1", "7"), ("2", "7")]
