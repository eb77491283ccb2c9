from datetime import UTC, datetime

import polars as pl
import pytest

from data_contracts.policies import Privacy
from data_contracts.pseudonym import Pseudonyms
from data_contracts.tables import EVENTS, ITEMS, USERS
from recsys_pipelines.contract import check, schema, unreadable_columns
from recsys_pipelines.privacy.scrubbing import scrub

NOW = datetime(2026, 1, 2, tzinfo=UTC)
EVENT = {"event_id": "e1", "ts": NOW, "type": "view", "user_id": "ann", "item_id": "a"}
PSEUDONYMS = Pseudonyms(b"a secret of at least 16 bytes", "demo")


def unread(table):
    return dict.fromkeys(unreadable_columns(table).values(), pl.String())


def mapped(table, *rows):
    columns = [{name: row.get(name) for name in table.names} | {"row": at} for at, row in enumerate(rows, 1)]
    return pl.DataFrame(columns, schema={**schema(table), "row": pl.Int64(), **unread(table)})


def events(*changes):
    return mapped(EVENTS, *({**EVENT, "event_id": f"e{at}"} | change for at, change in enumerate(changes, 1)))


def scrubbed(frame, table=EVENTS, **options):
    forgotten = options.pop("forgotten", frozenset())
    return scrub(frame, table, Privacy(**options), PSEUDONYMS, forgotten=forgotten)


def test_rows_without_personal_data_stay_as_they_are():
    rows = events({"meta": '{"referrer":"/home"}'}, {"session_id": "s1"})

    found = scrubbed(rows)

    assert found.rows.equals(rows)
    assert found.findings == {}


def test_an_id_that_is_an_address_has_the_same_pseudonym_in_every_table():
    found = scrubbed(events({"user_id": "jane@example.com"}, {"user_id": "jane@example.com"}))
    users = scrubbed(mapped(USERS, {"user_id": "jane@example.com"}), USERS)

    assert found.rows["user_id"].to_list() == [PSEUDONYMS.of("jane@example.com")] * 2
    assert users.rows["user_id"].to_list() == [PSEUDONYMS.of("jane@example.com")]
    assert found.findings == {"events.user_id.email.hash": 2}


def test_a_redacted_id_is_gone_rather_than_shared():
    found = scrubbed(events({"user_id": "jane@example.com", "session_id": "s"}), pii_in_ids="redact")

    assert found.rows["user_id"].to_list() == [None]


def test_findings_count_rows_not_distinct_texts():
    meta = '{"email":"a@b.de"}'

    found = scrubbed(events({"meta": meta}, {"meta": meta}, {}))

    assert found.rows["meta"].to_list() == ['{"email":"[redacted:email]"}'] * 2 + [None]
    assert found.findings == {"events.meta.email.redact": 2}


def test_what_is_kept_is_reported():
    found = scrubbed(events({"meta": '{"ip":"203.0.113.7"}'}), pii={"ip": "keep"})

    assert found.rows["meta"].to_list() == ['{"ip":"203.0.113.7"}']
    assert found.findings == {"events.meta.ip.keep": 1}


def test_a_rejected_row_has_a_reason_and_no_value_of_it():
    rows = scrubbed(events({"meta": '{"card":"4111111111111111"}'}, {}), pii={"card": "reject"}).rows

    checked = check(rows, EVENTS, "file.csv", NOW)

    assert checked.accepted["event_id"].to_list() == ["e2"]
    assert checked.broken.select("row", "rule", "value").rows() == [(1, "meta: no personal data (card)", None)]
    assert "4111" not in str(checked.rejected.rows())


def test_a_rejected_id_is_no_longer_there():
    rows = scrubbed(events({"user_id": "jane@example.com"}), pii_in_ids="reject").rows

    checked = check(rows, EVENTS, "file.csv", NOW)

    assert checked.accepted.is_empty()
    assert "user_id: no personal data (email)" in checked.broken["rule"].to_list()
    assert "jane" not in str(checked.rejected.rows())


def test_what_could_not_be_read_is_searched_too():
    rows = events({"ts": None}).with_columns(ts__unreadable=pl.lit("jane@example.com"))

    assert scrubbed(rows).rows["ts__unreadable"].to_list() == ["[redacted:email]"]


def test_what_is_the_shops_own_is_not_searched():
    items = mapped(ITEMS, {"item_id": "4111111111111111", "title": "Write to help@shop.de", "available": True})

    assert scrubbed(items, ITEMS).rows.equals(items)


def test_traits_are_searched():
    found = scrubbed(mapped(USERS, {"user_id": "u1", "traits": '{"lastName":"Doe","plan":"gold"}'}), USERS)

    assert found.rows["traits"].to_list() == ['{"lastName":"[redacted:name]","plan":"gold"}']


def test_allowed_keys_are_not_searched():
    found = scrubbed(events({"meta": '{"name":"Jane"}'}), allowed_keys=("name",))

    assert found.rows["meta"].to_list() == ['{"name":"Jane"}']


def test_without_a_key_nothing_is_hashed_by_accident():
    with pytest.raises(ValueError, match="no key for pseudonyms"):
        scrub(events({"user_id": "jane@example.com"}), EVENTS, Privacy(), None)


def test_rows_of_a_forgotten_person_are_left_out():
    rows = events({"user_id": "ann"}, {"user_id": "bob"}, {"user_id": None, "anonymous_id": "ann"}, {"user_id": None})

    found = scrubbed(rows, forgotten={PSEUDONYMS.of("ann")})

    assert found.rows["event_id"].to_list() == ["e2", "e4"]
    assert found.findings == {"events.anonymous_id.forgotten.drop": 1, "events.user_id.forgotten.drop": 1}


def test_a_person_forgotten_by_the_id_that_the_lake_has_does_not_come_back_by_another():
    kept = PSEUDONYMS.of("jane@example.com")

    found = scrubbed(events({"user_id": "jane@example.com"}), forgotten={PSEUDONYMS.of(kept)})

    assert found.rows.is_empty()
