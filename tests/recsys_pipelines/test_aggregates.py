"""Aggregated days add up to what a full run finds, whatever runs there were, and only what changed is made again."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.documents import Interactions
from data_contracts.tables import EVENTS
from recsys_pipelines.aggregates import Aggregates, drop
from recsys_pipelines.contract import schema
from recsys_pipelines.identity import NOTHING
from recsys_pipelines.interactions import interactions
from recsys_pipelines.lake import Lake
from recsys_pipelines.settlement import Day, Days

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(6)]
NOW = datetime(2026, 1, 8, tzinfo=UTC)
CATALOG = pl.DataFrame({"item_id": ["a", "b", "c"], "category": ["news", "books", None]})
SETTINGS = Interactions(
    half_life_days=3.0, half_life_by_category={"news": 1.0}, minimum_value={"custom": 3.0}, scaled_by_value=("view",)
)


def events(day, seed):
    """A day of all kinds of events: known and anonymous people, items no catalog knows, events without an item."""
    rng, size = np.random.default_rng(seed), 80
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    user = rng.choice(["ann", "bob", "cia", ""], size)
    rows = pl.DataFrame(
        {
            "event_id": [f"{day}-{n}" for n in range(size)],
            "ts": [start + timedelta(seconds=int(s)) for s in rng.integers(0, 86_400, size)],
            "type": rng.choice(["view", "click", "purchase", "custom"], size),
            "user_id": user,
            "anonymous_id": rng.choice(["x", "y", "z", ""], size),
            "item_id": rng.choice(["a", "b", "c", "gone", ""], size),
            "value": rng.choice([0.5, 2.0, 4.0], size),
        }
    )
    return pl.concat(
        [pl.DataFrame(schema=schema(EVENTS)), rows.with_columns(pl.col(pl.String).replace("", None))], how="diagonal"
    )


def settle(lake, days):
    """Write days as ingest does; ``days`` maps a day to the seed of its events."""
    for day, seed in days.items():
        lake.write("events", "demo", day, events(day, seed))
    made = {day: Day(files=(f"f{seed}",), rows=80, duplicates=0) for day, seed in days.items()}
    before = (lake.read_json("settled", "demo", None, Days) or Days()).days
    lake.write_json("settled", "demo", None, Days(days=before | made))


@pytest.fixture
def lake(second_store):
    return Lake(second_store.open())


def aggregates(lake, settings=SETTINGS, catalog=CATALOG):
    return Aggregates(lake, "demo", settings, catalog)


def full(lake, settings=SETTINGS, catalog=CATALOG):
    rows = lake.scan("events", "demo", DAYS).collect()
    return interactions(rows, settings, now=NOW, catalog=catalog)


def merged(lake, **changes):
    days = aggregates(lake, **changes)
    list(days.fresh(DAYS))
    return days.pairs(DAYS, now=NOW, known=NOTHING)


@pytest.mark.parametrize("settings", [SETTINGS, Interactions(), Interactions(half_life_days=None)])
def test_days_add_up_to_what_all_events_at_once_give(lake, settings):
    settle(lake, {day: n for n, day in enumerate(DAYS)})

    found, wanted = merged(lake, settings=settings), full(lake, settings)

    assert set(found["user_id"]) >= {"ann", "bob", "cia"}
    assert_frame_equal(found, wanted, rel_tol=1e-12)


def test_only_days_that_are_new_or_were_made_again_are_aggregated(lake):
    settle(lake, {day: n for n, day in enumerate(DAYS[:5])})
    first = list(aggregates(lake).fresh(DAYS[:5]))
    settle(lake, {DAYS[2]: 77, DAYS[5]: 5})

    second = list(aggregates(lake).fresh(DAYS))
    third = list(aggregates(lake).fresh(DAYS))

    assert (first, second, third) == (DAYS[:5], [DAYS[2], DAYS[5]], [])
    assert_frame_equal(merged(lake), full(lake), rel_tol=1e-12)


def test_whatever_runs_there_were_the_same_events_give_the_same_bits(lake):
    settle(lake, {day: n + 50 for n, day in enumerate(DAYS)})
    merged(lake)
    settle(lake, {day: n for n, day in enumerate(DAYS)})
    bit_by_bit = merged(lake)

    drop(lake, "demo")
    anew = merged(lake)

    assert anew.equals(bit_by_bit)


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": Interactions(half_life_days=2.0)},
        {"catalog": CATALOG.with_columns(category=pl.lit("news"))},
    ],
    ids=["another half-life", "an item of another category"],
)
def test_other_settings_make_every_day_again(lake, changes):
    settle(lake, {day: n for n, day in enumerate(DAYS)})
    merged(lake)

    again = list(aggregates(lake, **changes).fresh(DAYS))

    assert again == DAYS
    assert_frame_equal(merged(lake, **changes), full(lake, **changes), rel_tol=1e-12)


def test_somebody_who_logs_in_later_brings_what_was_done_before(lake):
    nothing = pl.lit(None, pl.String)
    before = events(DAYS[0], 0).head(1).with_columns(user_id=nothing, item_id=pl.lit("a"))
    login = events(DAYS[1], 1).head(1).with_columns(user_id=pl.lit("ann"), item_id=nothing)
    device = pl.lit("phone")
    for day, rows in zip(DAYS, (before, login), strict=False):
        lake.write("events", "demo", day, rows.with_columns(anonymous_id=device, type=pl.lit("click")))
    made = {day: Day(files=("f",), rows=1, duplicates=0) for day in DAYS[:2]}
    lake.write_json("settled", "demo", None, Days(days=made))
    days = aggregates(lake)
    list(days.fresh(DAYS[:2]))

    alone = days.pairs(DAYS[:1], now=NOW, known=NOTHING)
    together = days.pairs(DAYS[:2], now=NOW, known=NOTHING)

    assert [frame.select("user_id", "item_id", "count").rows() for frame in (alone, together)] == [
        [("phone", "a", 1)],
        [("ann", "a", 1)],
    ]


def test_days_without_events_or_without_people_are_no_pairs(lake):
    settle(lake, {FIRST: 0})
    nobody = pl.lit(None, pl.String)
    lake.write("events", "demo", FIRST, events(FIRST, 0).with_columns(user_id=nobody, anonymous_id=nobody))

    days = aggregates(lake)
    list(days.fresh([FIRST]))

    assert days.pairs([FIRST], now=NOW, known=NOTHING).rows() == []
    assert days.pairs([], now=NOW, known=NOTHING).rows() == []
