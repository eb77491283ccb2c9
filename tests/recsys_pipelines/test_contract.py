from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from data_contracts.tables import EVENTS, ITEMS, ORDERS, REJECTED, USERS
from recsys_pipelines.contract import check, rules, schema, unreadable_columns

NOW = datetime(2026, 1, 2, tzinfo=UTC)
EVENT = {"event_id": "e1", "ts": NOW, "type": "view", "user_id": "ann", "item_id": "a"}
ITEM = {"item_id": "a", "available": True, "archived": False, "tags": []}
GOOD = {"events": EVENT, "items": ITEM, "users": {"user_id": "ann"}}
GOOD["orders"] = {"order_id": "o1", "ts": NOW, "cancelled": False}
LONG = "x" * 257

BROKEN = [  # table, what differs from a good row, the rule that it breaks
    ("events", {"event_id": None}, "events.event_id.not_null"),
    ("events", {"event_id": LONG}, "events.event_id.pattern"),
    ("events", {"ts": None}, "events.ts.not_null"),
    ("events", {"ts": None, "ts__unreadable": "soon"}, "events.ts.type"),
    ("events", {"ts": NOW + timedelta(minutes=5, microseconds=1)}, "events.ts.not_future"),
    ("events", {"type": None}, "events.type.not_null"),
    ("events", {"type": "hover"}, "events.type.one_of"),
    ("events", {"user_id": None}, "events.user_id.subject"),
    ("events", {"user_id": "a\x07b"}, "events.user_id.pattern"),
    ("events", {"anonymous_id": LONG}, "events.anonymous_id.pattern"),
    ("events", {"session_id": "\x00"}, "events.session_id.pattern"),
    ("events", {"item_id": None}, "events.item_id.item"),
    ("events", {"item_id": LONG}, "events.item_id.pattern"),
    ("events", {"value": -0.5}, "events.value.minimum"),
    ("events", {"value__unreadable": "many"}, "events.value.type"),
    ("events", {"request_id": LONG}, "events.request_id.pattern"),
    ("events", {"rank": 0}, "events.rank.minimum"),
    ("events", {"rank__unreadable": "1.5"}, "events.rank.type"),
    ("items", {"item_id": None}, "items.item_id.not_null"),
    ("items", {"item_id": LONG}, "items.item_id.pattern"),
    ("items", {"price_minor": -1}, "items.price_minor.minimum"),
    ("items", {"price_minor__unreadable": "cheap"}, "items.price_minor.type"),
    ("items", {"currency": "euro"}, "items.currency.pattern"),
    ("items", {"available": None}, "items.available.not_null"),
    ("items", {"available": None, "available__unreadable": "maybe"}, "items.available.type"),
    ("items", {"parent_id": LONG}, "items.parent_id.pattern"),
    ("items", {"created_at__unreadable": "soon"}, "items.created_at.type"),
    ("items", {"archived": None}, "items.archived.not_null"),
    ("items", {"archived": None, "archived__unreadable": "maybe"}, "items.archived.type"),
    ("items", {"updated_at__unreadable": "soon"}, "items.updated_at.type"),
    ("users", {"user_id": None}, "users.user_id.not_null"),
    ("users", {"user_id": LONG}, "users.user_id.pattern"),
    ("users", {"created_at__unreadable": "soon"}, "users.created_at.type"),
    ("users", {"updated_at__unreadable": "soon"}, "users.updated_at.type"),
    ("events", {"amount_minor": -1}, "events.amount_minor.minimum"),
    ("events", {"amount_minor__unreadable": "a lot"}, "events.amount_minor.type"),
    ("events", {"order_id": LONG}, "events.order_id.pattern"),
    ("events", {"received_at__unreadable": "soon"}, "events.received_at.type"),
    ("events", {"consent": "perhaps"}, "events.consent.one_of"),
    ("orders", {"order_id": None}, "orders.order_id.not_null"),
    ("orders", {"order_id": LONG}, "orders.order_id.pattern"),
    ("orders", {"ts": None}, "orders.ts.not_null"),
    ("orders", {"ts": None, "ts__unreadable": "soon"}, "orders.ts.type"),
    ("orders", {"user_id": LONG}, "orders.user_id.pattern"),
    ("orders", {"total_minor": -1}, "orders.total_minor.minimum"),
    ("orders", {"total_minor__unreadable": "much"}, "orders.total_minor.type"),
    ("orders", {"lines": -1}, "orders.lines.minimum"),
    ("orders", {"lines__unreadable": "many"}, "orders.lines.type"),
    ("orders", {"cancelled": None}, "orders.cancelled.not_null"),
    ("orders", {"cancelled": None, "cancelled__unreadable": "maybe"}, "orders.cancelled.type"),
]
TABLES = {table.name: table for table in (EVENTS, ITEMS, USERS, ORDERS)}


def mapped(table, *rows) -> pl.DataFrame:
    columns = {**schema(table), "row": pl.Int64, **dict.fromkeys(unreadable_columns(table).values(), pl.String)}
    return pl.DataFrame([{"row": number, **row} for number, row in enumerate(rows, 1)], schema=columns)


def checked(table, *rows):
    return check(mapped(table, *rows), table, "file.csv", NOW)


@pytest.mark.parametrize(("table", "differs", "key"), BROKEN, ids=[f"{key}" for _, _, key in BROKEN])
def test_a_row_that_breaks_a_rule_is_rejected_for_that_rule_and_no_other(table, differs, key):
    text = next(rule.text for rule in rules(TABLES[table]) if rule.key == key)

    found = checked(TABLES[table], GOOD[table], GOOD[table] | {f"{table[:-1]}_id": "z"} | differs)

    assert found.accepted["row"].to_list() == [1]
    assert found.rejected["row"].to_list() == [2]
    assert found.broken.select("table", "file", "row", "rule").rows() == [(table, "file.csv", 2, text)]


def test_there_is_a_broken_row_for_every_rule_but_the_one_about_repeats():
    every = {rule.key for table in TABLES.values() for rule in rules(table)}

    assert every - {key for _, _, key in BROKEN} == {"events.event_id.unique"}


@pytest.mark.parametrize(
    "differs",
    [
        pytest.param({"ts": NOW + timedelta(minutes=5)}, id="a clock five minutes ahead"),
        pytest.param({"user_id": None, "anonymous_id": "d1"}, id="a device instead of a user"),
        pytest.param({"user_id": None, "session_id": "s1"}, id="a session instead of a user"),
        pytest.param({"type": "custom", "item_id": None}, id="a custom event without item"),
        pytest.param({"value": 0.0}, id="a value of zero"),
        pytest.param({"event_id": "ä" * 256}, id="an id of 256 letters"),
    ],
)
def test_what_is_just_allowed_is_accepted(differs):
    assert checked(EVENTS, EVENT | differs).accepted.height == 1


def test_a_row_may_break_several_rules_and_is_rejected_once():
    found = checked(EVENTS, {**EVENT, "type": "hover", "user_id": None})

    assert found.rejected.height == 1
    assert found.broken["rule"].to_list() == [
        "type: one of view, click, add, purchase, custom",
        "user_id: given, or else anonymous_id or session_id",
    ]


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"type": "hover"}, "hover"),
        ({"value__unreadable": "many"}, "many"),
        ({"value": -2.0}, "-2.0"),
        ({"ts": datetime(2099, 1, 1, tzinfo=UTC)}, "2099-01-01T00:00:00.000000+00:00"),
        ({"item_id": None}, None),
        ({"item_id": "y" * 300}, "y" * 200),
    ],
)
def test_the_offending_value_is_kept_at_most_200_characters_of_it(differs, said):
    assert checked(EVENTS, EVENT | differs).broken["value"].to_list() == [said]


def test_of_copies_the_earliest_is_accepted_and_the_others_are_no_rejections():
    hour = timedelta(hours=1)

    found = checked(EVENTS, EVENT, EVENT | {"ts": NOW - hour}, EVENT | {"ts": NOW - hour}, EVENT | {"event_id": "e2"})

    assert found.accepted["row"].to_list() == [2, 4]
    assert found.repeated["row"].to_list() == [1, 3]
    assert (found.rejected.height, found.broken.height) == (0, 0)


def test_a_good_copy_counts_rather_than_an_earlier_bad_one():
    found = checked(EVENTS, EVENT | {"type": "hover", "ts": NOW - timedelta(hours=1)}, EVENT)

    assert found.accepted["row"].to_list() == [2]
    assert (found.rejected.height, found.repeated["row"].to_list()) == (0, [1])


def test_of_bad_copies_one_is_rejected():
    found = checked(EVENTS, EVENT | {"type": "hover"}, EVENT | {"type": "hover"})

    assert (found.rejected["row"].to_list(), found.repeated["row"].to_list()) == ([1], [2])
    assert found.broken.height == 1


def test_rows_without_an_id_are_no_copies_of_each_other():
    assert checked(EVENTS, EVENT | {"event_id": None}, EVENT | {"event_id": None}).rejected.height == 2


def test_a_catalog_may_name_an_item_again():
    assert checked(ITEMS, ITEM, ITEM).accepted.height == 2


def test_no_rows_give_no_rows_with_all_columns():
    found = checked(EVENTS)

    assert found.accepted.schema == {**schema(EVENTS), "row": pl.Int64}
    assert (found.accepted.height, found.rejected.height, found.repeated.height) == (0, 0, 0)
    assert found.broken.schema == schema(REJECTED)


def test_the_name_of_a_rule_begins_with_its_column():
    texts = [rule for table in TABLES.values() for rule in rules(table)]

    assert [rule.text for rule in texts if not rule.text.startswith(f"{rule.column}: ")] == []
    assert len({(rule.table, rule.text) for rule in texts}) == len(texts)
