"""What becomes of every type of Postgres, and of an order table."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from data_contracts.source_specs import Field, Postgres, SourceSpec
from data_contracts.tables import EVENTS
from recsys_pipelines import mapping
from recsys_pipelines.sources.postgres import PostgresSource

pytestmark = pytest.mark.slow

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KILLED = Path(__file__).with_name("killed_pull.py")


TYPES = [
    ("bool", "true", True),
    ("int2", "2", 2),
    ("int4", "4", 4),
    ("int8", "9007199254740993", 9007199254740993),
    ("float4", "1.5", 1.5),
    ("float8", "0.1", 0.1),
    ("numeric(20,4)", "12345678901234.5600", "12345678901234.5600"),
    ("text", "'Ζωή 🦊'", "Ζωή 🦊"),
    ("varchar(9)", "'x'", "x"),
    ("char(4)", "'x'", "x"),
    ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("json", "'{\"a\": [1, 2]}'", '{"a": [1, 2]}'),
    ("jsonb", "'{\"a\":[1,2]}'", '{"a": [1, 2]}'),
    ("mood", "'glad'", "glad"),
    ("date", "'2026-03-01'", datetime(2026, 3, 1).date()),  # noqa: DTZ001 - a date has no zone
    ("timestamp", "'2026-03-01 12:00:00.000001'", datetime(2026, 3, 1, 12, 0, 0, 1)),  # noqa: DTZ001 - nor has this
    ("timestamptz", "'2026-03-01 12:00+02'", datetime(2026, 3, 1, 10, tzinfo=UTC)),
    ("timestamptz", "'infinity'", None),
    ("time", "'10:30'", "10:30:00"),
    ("interval", "'1 day 2 hours'", "P1DT2H"),
    ("bytea", "'\\x00ff'", "\\x00ff"),
    ("inet", "'10.0.0.1'", "10.0.0.1/32"),
    ("text[]", "'{a,NULL,\"b c\"}'", ["a", None, "b c"]),
    ("int4[]", "'{1,2}'", [1, 2]),
    ("numeric[]", "'{1.50}'", ["1.50"]),
    ("uuid[]", "'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    ("point", "'(1,2)'", "(1,2)"),
]


def test_every_type_arrives_as_something_that_the_mapping_reads(desk):
    columns = ", ".join(f"c{at} {type}" for at, (type, _, _) in enumerate(TYPES))
    desk.database.execute(
        "CREATE TYPE mood AS ENUM ('glad', 'sad')",
        f"CREATE TABLE types ({columns})",
        f"INSERT INTO types VALUES ({', '.join(value for _, value, _ in TYPES)})",
        "INSERT INTO types (c0) VALUES (false)",
    )
    desk.pull(table="types")

    found = {type: desk.values(f"c{at}", table="types") for at, (type, _, _) in enumerate(TYPES)}

    assert found == {type: [None, value] for type, _, value in TYPES} | {"bool": [False, True]}


def test_the_mapping_makes_events_of_an_order_table(desk):
    desk.database.execute(
        "CREATE TABLE lines (id uuid, buyer int8, sku text, price numeric(10,2), meta jsonb, at timestamptz)",
        "INSERT INTO lines VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 7, 's1', 19.99, "
        '\'{"page": {"name": "home"}}\', \'2026-03-01 12:00:00.25+02\')',
    )
    fields = {
        "event_id": "id",
        "user_id": "buyer",
        "item_id": "sku",
        "type": Field(constant="purchase"),
        "ts": "at",
        "amount_minor": Field(column="price", scale=100),
        "surface": "meta.page.name",
    }
    spec = SourceSpec(postgres=Postgres(url="${SHOP}", table="lines"), fields=fields)
    source = PostgresSource(spec, desk.source(table="lines").place)
    source.pull(NOW)

    with source.rows(source.parts()[0], mapping.needs(spec, EVENTS)) as rows:
        (event,) = mapping.mapped(rows, EVENTS, spec, "EUR").collect().to_dicts()

    assert {name: event[name] for name in fields} == {
        "event_id": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "user_id": "7",
        "item_id": "s1",
        "type": "purchase",
        "ts": datetime(2026, 3, 1, 10, 0, 0, 250_000, tzinfo=UTC),
        "amount_minor": 1999,
        "surface": "home",
    }


def test_columns_have_the_types_of_the_database(desk):
    desk.database.execute("CREATE TABLE t (id uuid, price numeric(9,2), tags text[])")
    desk.pull(table="t")
    source = desk.source(table="t")

    assert source.columns(source.parts()[0]) == {"id": "uuid", "price": "numeric", "tags": "text[]"}
