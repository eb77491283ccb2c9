from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.feedback_tables import ATTRIBUTIONS, EXPOSURES, OUTCOMES
from data_contracts.policies import Attribution
from data_contracts.tables import EVENTS
from recsys_pipelines.contract import schema
from recsys_pipelines.feedback.attribution import attributions

START = datetime(2026, 2, 10, tzinfo=UTC)
DAY = Attribution(window_hours=24)


def at(hours):
    return START + timedelta(hours=hours)


def shown(*rows):
    """Rows of (hours, request, item, rank)."""
    facts = [
        {"ts": at(hours), "request_id": request, "item_id": item, "rank": rank, "surface": "home", "generation": 4}
        for hours, request, item, rank in rows
    ]
    return frame(EXPOSURES, facts)


def done(*rows):
    """Rows of (hours, event, type, user, item, request)."""
    names = ("event_id", "type", "user_id", "item_id", "request_id")
    return frame(EVENTS, [{"ts": at(hours), **dict(zip(names, rest, strict=True))} for hours, *rest in rows])


def frame(table, rows):
    return pl.DataFrame([dict.fromkeys(table.names) | row for row in rows], schema=schema(table))


def credited(exposures, events, how=DAY, **options):
    """What each outcome is credited to: (event, method, request, touch, rank)."""
    rows = attributions(exposures, events, how, **options)
    return rows.select("event_id", "method", "request_id", "touch_id", "rank").rows()


NOTHING = (None, None, None, None)


def test_an_outcome_that_names_its_answer_is_credited_to_its_place_there():
    exposures = shown((0, "r1", "a", 1), (0, "r1", "b", 2), (1, "r2", "b", 7))
    events = done((2, "e1", "click", "ann", "b", "r1"), (3, "e2", "purchase", "ann", "b", "r2"))

    assert credited(exposures, events) == [("e1", "request", "r1", "e1", 2), ("e2", "request", "r2", "e2", 7)]


def test_one_that_names_none_is_credited_to_the_last_touch_on_the_same_item():
    exposures = shown((0, "r1", "a", 1), (1, "r2", "a", 5), (2, "r3", "b", 3))
    events = done(
        (1, "c1", "click", "ann", "a", "r1"),
        (2, "c2", "view", "ann", "a", "r2"),
        (3, "c3", "click", "ann", "b", "r3"),
        (4, "p1", "purchase", "ann", "a", None),
        (4, "p2", "purchase", "bob", "a", None),
    )

    found = {row[0]: row[1:] for row in credited(exposures, events)}

    assert found["p1"] == ("touch", "r2", "c2", 5)
    assert found["p2"] == NOTHING


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(24, ("request", "r1", "e", 1), id="the last moment of the window"),
        pytest.param(24.001, NOTHING, id="after it"),
        pytest.param(-0.1, ("request", "r1", "e", 1), id="by a clock that runs behind"),
    ],
)
def test_the_window_begins_with_the_exposure(hours, expected):
    events = done((hours, "e", "click", "ann", "a", "r1"))

    assert credited(shown((0, "r1", "a", 1)), events) == [("e", *expected)]


def test_the_window_of_a_touch_begins_with_its_exposure_too():
    exposures = shown((0, "r1", "a", 1))
    events = done(
        (20, "c", "view", "ann", "a", "r1"), (23, "p1", "add", "ann", "a", None), (25, "p2", "add", "ann", "a", None)
    )

    assert credited(exposures, events) == [("p1", "touch", "r1", "c", 1), ("p2", *NOTHING)]


def test_a_touch_after_the_outcome_does_not_count_and_one_at_its_instant_does():
    exposures = shown((0, "r1", "a", 1))
    later = done((2, "c", "view", "ann", "a", "r1"), (1, "p", "add", "ann", "a", None))
    same = done((2, "c", "view", "ann", "a", "r1"), (2, "p", "add", "ann", "a", None))

    assert credited(exposures, later) == [("p", *NOTHING)]
    assert credited(exposures, same) == [("p", "touch", "r1", "c", 1)]


def test_an_outcome_that_names_an_answer_which_did_not_hold_its_item_stays_without_credit():
    exposures = shown((0, "r1", "a", 1))
    events = done(
        (1, "c", "click", "ann", "a", "r1"), (2, "p", "purchase", "ann", "a", "gone"), (3, "q", "add", "ann", "b", "r1")
    )

    assert credited(exposures, events)[1:] == [("p", *NOTHING), ("q", *NOTHING)]


def test_only_events_of_the_types_that_the_document_names_are_touches():
    exposures = shown((0, "r1", "a", 1))
    events = done((1, "v", "view", "ann", "a", "r1"), (2, "p", "purchase", "ann", "a", None))

    assert credited(exposures, events, Attribution(touches=("click",))) == [("p", *NOTHING)]
    assert credited(exposures, events, Attribution(touches=("view",))) == [("p", "touch", "r1", "v", 1)]


def test_views_and_events_without_an_item_are_no_outcomes_and_those_before_since_only_touch():
    exposures = shown((0, "r1", "a", 1))
    events = done(
        (1, "v", "view", "ann", "a", "r1"),
        (1, "c", "click", "ann", "a", "r1"),
        (2, "s", "custom", "ann", None, None),
        (2, "p", "purchase", "ann", "a", None),
    )

    assert credited(exposures, events, since=at(2)) == [("p", "touch", "r1", "v", 1)]


def test_a_row_says_where_by_what_and_for_how_much():
    exposures = shown((0, "r1", "a", 2)).with_columns(
        source=pl.lit("als"), experiment_id=pl.lit("x"), variant=pl.lit("b")
    )
    events = done((1, "p", "purchase", "ann", "a", "r1")).with_columns(amount_minor=pl.lit(1999, pl.Int64))

    (row,) = attributions(exposures, events, DAY).to_dicts()

    assert row == {
        "event_id": "p",
        "ts": at(1),
        "type": "purchase",
        "user_id": "ann",
        "item_id": "a",
        "method": "request",
        "request_id": "r1",
        "touch_id": "p",
        "exposed_at": at(0),
        "surface": "home",
        "rank": 2,
        "source": "als",
        "generation": 4,
        "experiment_id": "x",
        "variant": "b",
        "amount_minor": 1999,
    }


def test_without_exposures_or_events_there_is_nothing_to_credit():
    events = done((1, "c", "click", "ann", "a", "r1"))

    assert credited(shown(), events) == [("c", *NOTHING)]
    assert attributions(shown(), done(), DAY).schema == schema(ATTRIBUTIONS)


def by_hand(exposures, events, how):
    """The same, one outcome after the other, by the words of the rule."""
    places = {(row["request_id"], row["item_id"]): row for row in exposures.to_dicts()}
    rows = sorted(events.to_dicts(), key=lambda row: (row["ts"], row["event_id"]))
    for row in rows:
        if row["type"] not in OUTCOMES:
            continue
        place, touch, method = places.get((row["request_id"], row["item_id"])), row["event_id"], "request"
        if row["request_id"] is None:
            touches = [
                each
                for each in rows
                if each["type"] in how.touches
                and (each["request_id"], each["item_id"]) in places
                and each["user_id"] == row["user_id"] is not None
                and each["item_id"] == row["item_id"]
                and each["ts"] <= row["ts"]
            ]
            last = touches[-1] if touches else {"request_id": None, "item_id": None, "event_id": None}
            place, touch, method = places.get((last["request_id"], last["item_id"])), last["event_id"], "touch"
        if place and row["ts"] <= place["ts"] + timedelta(hours=how.window_hours):
            yield row["event_id"], method, place["request_id"], touch, place["rank"]
        else:
            yield row["event_id"], None, None, None, None


REQUESTS, ITEMS, HOURS = ("r1", "r2", "r3"), ("a", "b"), st.integers(0, 12)
EXPOSED = st.lists(st.tuples(HOURS, st.sampled_from(REQUESTS), st.sampled_from(ITEMS), st.integers(1, 9)), max_size=6)
HAPPENED = st.lists(
    st.tuples(
        HOURS,
        st.sampled_from(("view", "click", "add", "purchase")),
        st.sampled_from(("ann", "bob", None)),
        st.sampled_from(ITEMS),
        st.sampled_from((*REQUESTS, "gone", None, None, None)),
    ),
    max_size=14,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(EXPOSED, HAPPENED, st.permutations(range(14)), st.sampled_from((1.0, 5.0, 24.0)))
def test_it_is_what_one_would_find_by_hand_in_any_order_of_the_rows(exposed, happened, order, hours):
    exposures = shown(*{(request, item): (h, request, item, rank) for h, request, item, rank in exposed}.values())
    events = done(*((h, f"e{name:02}", *rest) for name, (h, *rest) in zip(order, happened, strict=False)))
    how = Attribution(window_hours=hours)

    assert credited(exposures, events, how) == list(by_hand(exposures, events, how))
