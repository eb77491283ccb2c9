"""Who is who, as training sees it: events, users and log from real files."""

from datetime import UTC, date, datetime

import pytest

from recsys_pipelines.identity import Entry, say
from recsys_pipelines.training import weigh

DAY = date(2026, 1, 3)
HEAD = "event_id,ts,type,user_id,anonymous_id,item_id"


@pytest.fixture
def visited(shop):
    shop.sources(users=[{"path": "users.csv"}])
    shop.write("items/all.csv", "item_id", "milk", "rice", "salt")
    shop.write("users.csv", "user_id", "ann", "bob")
    shop.write(
        "events/all.csv",
        HEAD,
        "e1,2026-01-02T10:00:00Z,view,,d1,milk",
        "e2,2026-01-02T11:00:00Z,view,ann,d1,rice",
        "e3,2026-01-02T12:00:00Z,view,,bob,salt",
    )
    shop.run(3)
    return shop


def pairs(shop):
    return weigh(shop.document, shop.lake, DAY, "served").select("user_id", "item_id").rows()


def entry(device, user, action):
    at = datetime(2026, 1, 4, tzinfo=UTC)
    return Entry(anonymous_id=device, user_id=user, action=action, at=at, by="test", reason="asked for")


def test_a_visitor_who_logged_in_has_what_they_did_before_and_no_cookie_is_a_user(visited):
    assert pairs(visited) == [("ann", "milk"), ("ann", "rice")]


def test_a_merge_that_was_taken_back_and_made_again_is_as_it_was(visited):
    merged = pairs(visited)
    say(visited.lake, "shop", entry("d1", "ann", "unlink"))
    apart = pairs(visited)
    say(visited.lake, "shop", entry("d1", "ann", "link"))

    assert apart == [("ann", "rice"), ("d1", "milk")]
    assert pairs(visited) == merged


def test_a_merge_by_hand_counts(visited):
    say(visited.lake, "shop", entry("bob", "bob", "link"))

    assert pairs(visited) == [("ann", "milk"), ("ann", "rice"), ("bob", "salt")]
