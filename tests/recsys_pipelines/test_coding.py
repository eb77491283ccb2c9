from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import Interactions
from data_contracts.tables import EVENTS
from recsys_pipelines.coding import NOBODY, Places, coded, in_turn, runs
from recsys_pipelines.contract import schema
from recsys_pipelines.interactions import interactions, seen
from recsys_pipelines.lake import Lake

NOW = datetime(2026, 2, 1, tzinfo=UTC)
ITEMS = pl.Series(["a", "b"])


def part(*rows):
    """(user_id, anonymous_id, item_id)"""
    return pl.LazyFrame(rows, schema=dict.fromkeys(("user_id", "anonymous_id", "item_id"), pl.String), orient="row")


def who_and_what(*parts):
    found = coded(parts, ITEMS, (), lambda some: some)
    return [(found.persons[person], found.items[item]) for person, item in found.events.select("person", "item").rows()]


def days_of_events(count=400):
    """Some weeks of a few people, with visitors, and pairs of up to dozens of events."""
    rng = np.random.default_rng(5)
    user, item = rng.integers(0, 6, count), rng.integers(0, 3, count)
    rows = pl.DataFrame(
        {
            "event_id": [f"e{n}" for n in range(count)],
            "ts": [NOW - timedelta(seconds=int(s)) for s in rng.integers(1, 20 * 86_400, count)],
            "type": rng.choice(["view", "click", "add", "purchase"], count),
            "user_id": pl.Series(user.astype(str)).replace("0", None),
            "anonymous_id": pl.Series(user + 10).cast(pl.String).replace("15", None),
            "item_id": pl.Series(item).cast(pl.String),
        }
    )
    return pl.concat([pl.DataFrame(schema=schema(EVENTS)), rows], how="diagonal").sort("ts", "event_id")


@pytest.fixture
def lake(tmp_path):
    found = Lake(DirectoryBlobs(tmp_path))
    for (day,), rows in days_of_events().group_by(pl.col("ts").dt.date(), maintain_order=True):
        found.write("events", "demo", day, rows)
    return found


def test_a_place_is_where_an_id_stands_in_the_list():
    places = Places(pl.Series(["b", "a", "c"]))

    asked = pl.Series(["c", "b", None, "z", "a"], dtype=pl.Categorical)

    assert places(asked).tolist() == [2, 0, NOBODY, NOBODY, 1]


def test_an_empty_list_has_no_place_for_anything():
    assert Places(pl.Series([], dtype=pl.String))(pl.Series(["a", None], dtype=pl.Categorical)).tolist() == [-1, -1]


def test_events_are_told_by_person_and_item_in_the_order_of_their_parts():
    first, second = part(("zoe", None, "b"), ("ann", None, "a")), part(("zoe", None, "a"))

    assert who_and_what(first, second) == [("zoe", "b"), ("ann", "a"), ("zoe", "a")]


def test_a_login_in_a_later_part_says_who_came_in_an_earlier_one():
    assert who_and_what(part((None, "d1", "a")), part(("ann", "d1", "b"))) == [("ann", "a"), ("ann", "b")]


def test_a_login_on_an_unknown_item_says_who_it_is_all_the_same():
    assert who_and_what(part((None, "d1", "a"), ("ann", "d1", "gone"))) == [("ann", "a")]


def test_nobody_and_nothing_do_not_count():
    assert who_and_what(part((None, None, "a"), ("ann", None, None), ("ann", None, "gone"))) == []


def test_equal_keys_stand_side_by_side_in_the_order_in_which_they_came():
    found = runs(np.array([7, 3, 7, 0, 3]))

    assert (found.order.tolist(), found.starts.tolist(), found.keys.tolist()) == ([3, 1, 4, 0, 2], [0, 1, 3], [0, 3, 7])


def test_keys_too_large_to_be_sorted_with_their_places_give_the_same_runs():
    keys = np.array([7, 3, 7, 0, 3])

    small, large = runs(keys), runs(keys + (1 << 62))

    assert (small.order.tolist(), small.starts.tolist()) == (large.order.tolist(), large.starts.tolist())


def test_no_keys_have_no_runs():
    assert runs(np.empty(0, np.int64)).starts.size == 0


def test_parts_are_asked_for_when_their_turn_comes():
    asked = []

    def parts():
        for number in range(5):
            asked.append(number)
            yield pl.LazyFrame({"n": [number]})

    told = in_turn(lambda each: each.collect().item(), parts())

    assert next(told) == 0
    assert asked == [0, 1]
    assert list(told) == [1, 2, 3, 4]


def test_days_of_a_lake_give_the_pairs_of_all_events_at_once_to_the_last_bit(lake):
    daily = lake.daily("events", "demo", NOW - timedelta(days=30), NOW)
    shuffled = days_of_events().sample(fraction=1, shuffle=True, seed=1)

    pairs = interactions(daily, Interactions(), now=NOW)

    assert pairs["count"].max() > 20
    assert_frame_equal(pairs, interactions(shuffled, Interactions(), now=NOW), check_exact=True)
    assert all(seen(daily)[type].equals(rows) for type, rows in seen(shuffled).items())


def test_a_pair_is_the_sum_of_its_events(lake):
    worth = pl.col("type").replace_strict({"view": 0.05, "click": 0.2, "add": 0.7, "purchase": 1.0})
    age_days = (NOW - pl.col("ts")).dt.total_seconds() / 86_400
    known = days_of_events().filter(pl.col("user_id").is_not_null())
    expected = known.group_by("user_id", "item_id").agg(weight=(worth * 0.5 ** (age_days / 30)).sum())

    pairs = interactions(lake.daily("events", "demo", NOW - timedelta(days=30), NOW), Interactions(), now=NOW)

    users = pairs.join(expected, on=["user_id", "item_id"], how="semi").select("user_id", "item_id", "weight")
    assert_frame_equal(users, expected.sort("user_id", "item_id"), check_exact=False, rel_tol=1e-12)


def test_a_window_within_days_reads_no_event_outside_of_it(lake):
    start, end = NOW - timedelta(days=9, hours=5), NOW - timedelta(days=3, hours=7)
    inside = days_of_events().filter(pl.col("ts") >= start, pl.col("ts") < end)

    pairs = interactions(lake.daily("events", "demo", start, end), Interactions(), now=NOW)

    assert pairs["count"].sum() == interactions(inside, Interactions(), now=NOW)["count"].sum() > 0


def test_a_lake_without_events_gives_no_pairs(tmp_path):
    none = Lake(DirectoryBlobs(tmp_path)).daily("events", "demo", NOW - timedelta(days=30), NOW)

    assert interactions(none, Interactions(), now=NOW).is_empty()
    assert seen(none) == {}


def test_only_items_of_the_catalog_are_remembered_if_it_is_given(lake):
    found = seen(days_of_events(), catalog=pl.DataFrame({"item_id": ["1", "9"]}))

    assert {item for pairs in found.values() for item in pairs["item_id"]} == {"1"}
