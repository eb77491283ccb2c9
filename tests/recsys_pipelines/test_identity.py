from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.directory import DirectoryBlobs
from data_contracts.errors import BlobChanged
from data_contracts.tables import EVENTS, USERS
from recsys_pipelines.contract import schema
from recsys_pipelines.identity import (
    NOTHING,
    Entry,
    InvalidLink,
    Log,
    links,
    persons,
    read_known,
    read_log,
    resolved,
    say,
    state,
)
from recsys_pipelines.lake import Lake

TYPES = schema(EVENTS)


def events(*rows):
    """(event_id, hour, user_id, anonymous_id)"""
    return pl.DataFrame(
        [(name, datetime(2026, 1, 1, hour, tzinfo=UTC), user, device) for name, hour, user, device in rows],
        schema={name: TYPES[name] for name in ("event_id", "ts", "user_id", "anonymous_id")},
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


def users(*names):
    return NOTHING._replace(users=pl.Series("user_id", names, pl.String))


def test_a_device_that_bears_the_name_of_a_user_of_other_days_is_nobody():
    """Else, what a visitor looked at would be shown to a user who happens to bear the name of the visitor's cookie."""
    visit = events(("e1", 1, None, "ann"), ("e2", 2, None, "d1"))

    assert persons(visit)["user_id"].to_list() == ["ann", "d1"]
    assert persons(visit, users("ann"))["user_id"].to_list() == [None, "d1"]


def test_a_device_that_bears_the_name_of_another_user_is_linked_to_nobody():
    visit = events(("e1", 1, "bob", "ann"), ("e2", 2, None, "ann"), ("e3", 3, "ann", None))

    assert links(visit).is_empty()
    assert persons(visit)["user_id"].to_list() == ["bob", None, "ann"]


def test_a_device_that_bears_the_name_of_its_own_user_is_theirs():
    visit = events(("e1", 1, "ann", "ann"), ("e2", 2, None, "ann"))

    assert persons(visit)["user_id"].to_list() == ["ann", "ann"]


def entry(device, user, action="link", hour=0):
    at = datetime(2026, 1, 1, hour, tzinfo=UTC)
    return Entry(anonymous_id=device, user_id=user, action=action, at=at, by="test", reason="because")


def said(*entries):
    return state(Log(entries=entries))


def test_a_link_of_the_log_counts_without_an_event_that_says_so():
    assert resolved(VISIT, said(entry("d2", "bob")))["user_id"].to_list() == ["ann", "ann", "ann", "bob"]


def test_a_link_of_the_log_counts_before_what_the_events_say():
    assert resolved(VISIT, said(entry("d1", "bob")))["user_id"].to_list() == ["bob", "ann", "bob", None]


def test_a_link_of_the_log_counts_also_for_a_shared_device():
    shared = events(("e1", 1, "ann", "d1"), ("e2", 2, "bob", "d1"), ("e3", 3, None, "d1"))

    assert resolved(shared, said(entry("d1", "ann")))["user_id"].to_list() == ["ann", "bob", "ann"]


def test_a_link_that_was_taken_back_is_not_derived_any_more():
    assert resolved(VISIT, said(entry("d1", "ann", "unlink")))["user_id"].to_list() == [None, "ann", None, None]


def test_taking_back_a_link_to_one_of_two_users_does_not_give_the_device_to_the_other():
    shared = events(("e1", 1, "ann", "d1"), ("e2", 2, "bob", "d1"), ("e3", 3, None, "d1"))

    assert links(shared, said(entry("d1", "ann", "unlink"))).is_empty()


def test_the_last_word_counts_and_a_link_can_be_made_again():
    back = said(entry("d1", "ann"), entry("d1", "ann", "unlink"), entry("d1", "ann"))

    assert resolved(VISIT, back)["user_id"].to_list() == ["ann", "ann", "ann", None]
    assert said(entry("d1", "ann"), entry("d1", "bob")).linked == {"d1": "bob"}


def test_what_was_known_at_any_time_can_be_told():
    log = Log(entries=(entry("d1", "ann", hour=1), entry("d1", "ann", "unlink", hour=2), entry("d1", "bob", hour=3)))

    states = [state(log, datetime(2026, 1, 1, hour, tzinfo=UTC)) for hour in range(4)]

    assert [dict(known.linked) for known in states] == [{}, {"d1": "ann"}, {}, {"d1": "bob"}]
    assert [bool(known.unlinked) for known in states] == [False, False, True, True]


ENTRIES = st.builds(
    entry, st.sampled_from(["d1", "d2"]), st.sampled_from(["ann", "bob"]), st.sampled_from(["link", "unlink"])
)


@given(st.lists(ENTRIES, max_size=8))
def test_saying_everything_twice_is_saying_it_once(entries):
    doubled = [each for one in entries for each in (one, one)]

    assert said(*doubled)[:2] == said(*entries)[:2]


@pytest.fixture
def lake(tmp_path):
    return Lake(DirectoryBlobs(tmp_path))


def test_the_log_is_appended_to_and_what_it_says_already_is_not_written_again(lake):
    first, again = entry("d1", "ann", hour=1), entry("d1", "ann", hour=2)
    back = entry("d1", "ann", "unlink", hour=3)

    assert [say(lake, "shop", each) for each in (first, again, back, back)] == [True, False, True, False]
    assert read_log(lake, "shop") == Log(entries=(first, back))


def test_the_log_of_one_tenant_says_nothing_about_another(lake):
    say(lake, "shop", entry("d1", "ann"))

    assert read_log(lake, "other") == Log()


@pytest.mark.parametrize("device", ["", "a\nb"], ids=["empty", "a line break"])
def test_an_id_that_no_event_can_have_is_refused(lake, device):
    with pytest.raises(InvalidLink, match="anonymous_id"):
        say(lake, "shop", entry(device, "ann"))

    assert read_log(lake, "shop") == Log()


class Contested(DirectoryBlobs):
    """Somebody else writes the log just before we do, so many times."""

    def __init__(self, root, rivals):
        super().__init__(root)
        self.rivals = rivals

    def replace(self, key, body, tag):
        if self.rivals:
            rival = self.rivals.pop()
            say(Lake(DirectoryBlobs(self._root)), "shop", rival)
        return super().replace(key, body, tag)


def test_two_who_write_at_the_same_time_are_both_heard(tmp_path):
    contested = Contested(tmp_path, [entry("d2", "bob")])

    assert say(Lake(contested), "shop", entry("d1", "ann"))
    assert state(read_log(Lake(contested), "shop")).linked == {"d1": "ann", "d2": "bob"}


def test_a_writer_who_is_always_overtaken_gives_up_and_says_so(tmp_path):
    contested = Contested(tmp_path, [entry(f"d{number}", "bob") for number in range(9)])

    with pytest.raises(BlobChanged):
        say(Lake(contested), "shop", entry("d1", "ann"))


def test_what_is_known_has_the_log_and_the_users_of_the_day(lake):
    day = date(2026, 1, 2)
    lake.write("users", "shop", day, pl.DataFrame({"user_id": ["ann"]}, schema_overrides=schema(USERS)))
    say(lake, "shop", entry("d1", "bob"))

    known = read_known(lake, "shop", day)

    assert (dict(known.linked), known.users.to_list()) == ({"d1": "bob"}, ["ann"])
    assert read_known(lake, "nobody", day).users.is_empty()
