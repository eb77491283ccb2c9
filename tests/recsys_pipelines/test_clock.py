"""A landing at noon; by default five minutes are tolerated, and a day is set right."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from data_contracts.policies import Clock
from data_contracts.tables import EVENTS
from recsys_pipelines.clock import clamped, is_clamped
from recsys_pipelines.contract import check, schema, unreadable_columns

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def event(ahead: timedelta, **more) -> pl.DataFrame:
    """One event that is so far ahead of noon."""
    row = {"event_id": "e", "type": "view", "user_id": "ann", "item_id": "a", "ts": NOON + ahead} | more
    return pl.DataFrame([row], schema=schema(EVENTS)).with_columns(row=pl.lit(1, pl.Int64))


def clamped_once(events: pl.DataFrame, clock: Clock | None = None) -> tuple[datetime, str | None]:
    return clamped(events, clock or Clock(), NOON).select("ts", "flags").row(0)


@pytest.mark.parametrize(
    ("ahead", "expected", "flags"),
    [
        pytest.param(timedelta(days=-400), timedelta(days=-400), None, id="the past is left alone"),
        pytest.param(timedelta(minutes=5), timedelta(minutes=5), None, id="five minutes are tolerated"),
        pytest.param(timedelta(minutes=5) + TICK, timedelta(0), "clock_clamped", id="more is set right"),
        pytest.param(timedelta(days=1), timedelta(0), "clock_clamped", id="up to a day"),
        pytest.param(timedelta(days=1) + TICK, timedelta(days=1) + TICK, None, id="more than a day is left alone"),
    ],
)
def test_a_clock_that_runs_ahead_is_set_right_within_a_day(ahead, expected, flags):
    assert clamped_once(event(ahead)) == (NOON + expected, flags)


def test_the_server_that_received_an_event_knows_the_time_better_than_its_sender():
    received = NOON - timedelta(days=10)

    skewed = event(timedelta(days=-10, minutes=6), received_at=received)

    assert clamped_once(skewed) == (received, "clock_clamped")


def test_a_server_cannot_have_received_an_event_after_its_file_was_landed():
    assert clamped_once(event(timedelta(hours=1), received_at=NOON + timedelta(hours=1))) == (NOON, "clock_clamped")


def test_flags_that_an_event_has_are_kept():
    assert clamped_once(event(timedelta(hours=1), flags="replayed"))[1] == "replayed,clock_clamped"


def test_a_tenant_decides_what_is_tolerated_and_what_is_set_right():
    strict = Clock(tolerance_s=0, clamp_within_s=60)

    assert clamped_once(event(timedelta(seconds=60)), strict) == (NOON, "clock_clamped")
    assert clamped_once(event(timedelta(seconds=61)), strict) == (NOON + timedelta(seconds=61), None)


def test_what_was_set_right_once_stays_as_it_is():
    once = clamped(event(timedelta(hours=1)), Clock(), NOON)

    assert clamped(once, Clock(), NOON).equals(once)
    assert clamped(once, Clock(), NOON + timedelta(days=1)).equals(once)


@pytest.mark.parametrize(
    ("events", "accepted"),
    [
        pytest.param(event(timedelta(minutes=10)), 1, id="tolerated"),
        pytest.param(event(timedelta(minutes=11)), 0, id="ahead of the landing"),
        pytest.param(event(timedelta(days=-9), received_at=NOON - timedelta(days=10)), 0, id="ahead of its receipt"),
    ],
)
def test_the_contract_rejects_what_is_ahead_and_was_not_set_right(events, accepted):
    read = {name: pl.lit(None, pl.String) for name in unreadable_columns(EVENTS).values()}
    timed = clamped(events.with_columns(**read), Clock(tolerance_s=600, clamp_within_s=0), NOON)

    checked = check(timed, EVENTS, "one.csv", NOON, ahead=timedelta(minutes=10))

    assert checked.accepted.height == accepted
    assert checked.broken["rule"].to_list() == [
        "ts: no more than the tolerated minutes ahead of our clock" for _ in range(1 - accepted)
    ]


def test_clamped_events_are_counted_by_their_flag_and_nothing_else():
    flags = pl.DataFrame({"flags": [None, "clock_clamped", "a,clock_clamped", "not_clock_clamped", ""]})

    assert flags.select(is_clamped()).to_series().to_list() == [False, True, True, False, False]
