from datetime import UTC, datetime

import polars as pl
from polars.testing import assert_frame_equal

from recsys_pipelines.identity import links, persons, resolved


def events(*rows):
    """(event_id, hour, user_id, anonymous_id)"""
    return pl.DataFrame(
        [(name, datetime(2026, 1, 1, hour, tzinfo=UTC), user, device) for name, hour, user, device in rows],
        schema=["event_id", "ts", "user_id", "anonymous_id"],
        orient="row",
    )


VISIT = events(("e1", 1, None, "d1"), ("e2", 2, "ann", "d1"), ("e3", 3, None, "d1"), ("e4", 4, None, "d2"))


def test_what_a_visitor_did_before_logging_in_is_theirs():
    assert resolved(VISIT)["user_id"].to_list() == ["ann", "ann", "ann", None]


def test_resolving_twice_is_the_same_as_once():
    assert_frame_equal(resolved(resolved(VISIT)), resolved(VISIT))


def test_a_device_of_two_users_stays_anonymous_so_that_neither_is_shown_what_the_other_looked_at():
    shared = events(("e1", 1, "ann", "d1"), ("e2", 2, "bob", "d1"), ("e3", 3, None, "d1"))

    assert links(shared).is_empty()
    assert resolved(shared)["user_id"].to_list() == ["ann", "bob", None]


def test_a_visitor_whom_nobody_knows_is_a_person_by_the_name_of_the_device():
    assert persons(VISIT)["user_id"].to_list() == ["ann", "ann", "ann", "d2"]


def test_a_device_that_bears_the_name_of_a_user_is_nobody():
    clash = events(("e1", 1, "ann", None), ("e2", 2, None, "ann"), ("e3", 3, None, "d1"))

    assert persons(clash)["user_id"].to_list() == ["ann", None, "d1"]


def test_events_keep_their_order_and_their_columns():
    assert_frame_equal(resolved(VISIT).drop("user_id"), VISIT.drop("user_id"))


def test_the_order_of_events_does_not_matter_for_the_links():
    assert_frame_equal(links(VISIT), links(VISIT.reverse()))
