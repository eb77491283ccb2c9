from datetime import UTC, datetime

import polars as pl
import pytest

from data_contracts.pseudonym import Pseudonyms
from data_contracts.tables import EVENTS
from recsys_pipelines.contract import check, schema, unreadable_columns
from recsys_pipelines.privacy.consent import narrowed

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PSEUDONYMS = Pseudonyms(b"a secret of at least 16 bytes", "demo")
EVENT = {
    "event_id": "e1",
    "ts": NOW,
    "type": "purchase",
    "user_id": "ann",
    "anonymous_id": "cookie",
    "session_id": "s",
    "item_id": "a",
    "value": 2.0,
    "surface": "home",
    "request_id": "r",
    "rank": 3,
    "order_id": "o",
    "meta": '{"x":1}',
}
KEPT = ("ts", "type", "item_id", "value", "surface")
CONTEXT = ("request_id", "rank", "meta")


def unread(table):
    return dict.fromkeys(unreadable_columns(table).values(), pl.String())


def events(*changes):
    rows = [{**EVENT, **change} for change in changes]
    columns = [{name: row.get(name) for name in EVENTS.names} | {"row": at} for at, row in enumerate(rows, 1)]
    return pl.DataFrame(columns, schema={**schema(EVENTS), "row": pl.Int64(), **unread(EVENTS)})


def one(**changes):
    (row,) = narrowed(events(changes), "full", PSEUDONYMS).to_dicts()
    return row


def test_full_consent_keeps_all():
    rows = events({"consent": "full"}, {})

    assert narrowed(rows, "full", PSEUDONYMS).equals(rows)


def test_limited_keeps_event_and_person_and_drops_the_context():
    row = one(consent="limited")

    assert [row[name] for name in KEPT] == [EVENT[name] for name in KEPT]
    assert (row["user_id"], row["anonymous_id"], row["order_id"], row["event_id"]) == ("ann", "cookie", "o", "e1")
    assert [row[name] for name in ("session_id", *CONTEXT)] == [None] * 4
    assert row["flags"] == "consent_limited"


def test_a_visit_stays_where_it_is_all_that_says_to_whom():
    row = one(consent="limited", user_id=None, anonymous_id=None)

    assert row["session_id"] == "s"


@pytest.mark.parametrize("said", ["none", "perhaps"])
def test_no_consent_leaves_nothing_that_leads_to_the_person(said):
    row = one(consent=said)

    assert [row[name] for name in KEPT] == [EVENT[name] for name in KEPT]
    assert [row[name] for name in ("user_id", "session_id", "order_id", *CONTEXT)] == [None] * 6
    assert row["event_id"] == PSEUDONYMS.of("event:e1")
    assert row["anonymous_id"] == f"unlinked-{row['event_id']}"
    assert row["flags"] == "consent_none"


def test_two_events_without_consent_have_nothing_in_common():
    rows = narrowed(events({"consent": "none"}, {"consent": "none", "event_id": "e2"}), "full", PSEUDONYMS)

    assert rows["anonymous_id"].n_unique() == 2


def test_an_event_without_consent_fulfils_the_contract_and_is_the_same_when_it_comes_again():
    rows = narrowed(events({"consent": "none"}, {"consent": "none"}), "full", PSEUDONYMS)

    checked = check(rows, EVENTS, "file.csv", NOW)

    assert (checked.accepted.height, checked.repeated.height) == (1, 1)


def test_the_policy_speaks_for_events_that_say_nothing():
    (row,) = narrowed(events({}), "limited", None).to_dicts()

    assert row["flags"] == "consent_limited"


def test_flags_are_added_to_those_there_are():
    assert one(consent="limited", flags="clock_clamped")["flags"] == "clock_clamped,consent_limited"


def test_without_a_key_an_event_cannot_be_unlinked():
    with pytest.raises(ValueError, match="1 events carry no consent"):
        narrowed(events({"consent": "none"}), "full", None)
