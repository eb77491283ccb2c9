from datetime import UTC, datetime

import polars as pl
from polars.testing import assert_frame_equal

from recsys_pipelines.identity import links, resolved


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


def test_a_device_that_changes_hands_belongs_to_the_last_one_but_keeps_what_was_named():
    shared = events(("e1", 1, "ann", "d1"), ("e2", 2, "bob", "d1"), ("e3", 3, None, "d1"))

    assert links(shared).rows() == [("d1", "bob")]
    assert resolved(shared)["user_id"].to_list() == ["ann", "bob", "bob"]


def test_the_order_of_events_does_not_matter_for_the_links():
    assert_frame_equal(links(VISIT), links(VISIT.reverse()))
