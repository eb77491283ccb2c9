"""What Postgres says when something is wrong, without secrets."""

import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest
import stamina

from recsys_pipelines.sources.postgres_session import ATTEMPTS
from recsys_pipelines.sources.source import (
    BadPart,
    MalformedPart,
    MissingPart,
    SchemaDrift,
    SourceError,
    Unreachable,
    UnsetVariable,
    UnusableCursor,
)

pytestmark = pytest.mark.slow

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KILLED = Path(__file__).with_name("killed_pull.py")


@pytest.mark.parametrize(
    ("statements", "settings", "error", "said"),
    [
        pytest.param(
            ["INSERT INTO t VALUES (2, NULL)"],
            {"cursor": "at"},
            UnusableCursor,
            "public.t: 1 rows have no at, so they would never be read",
            id="rows without a cursor",
        ),
        pytest.param(
            ["INSERT INTO t VALUES (2, 'infinity')"],
            {"cursor": "at"},
            UnusableCursor,
            "1 rows have no at",
            id="endless",
        ),
        pytest.param(
            ["UPDATE t SET at = '2020-01-01'"],
            {"cursor": "at"},
            UnusableCursor,
            "public.t: the cursor went backwards: it was read up to 2026-03-01 00:00:00.000000, and now the greatest "
            "at is 2020-01-01 00:00:00",
            id="a cursor that went backwards",
        ),
        pytest.param(["DELETE FROM t"], {"cursor": "at"}, UnusableCursor, "it has no rows", id="an emptied table"),
        pytest.param(
            ["ALTER TABLE t ALTER at TYPE date"],
            {"cursor": "at"},
            UnusableCursor,
            "the cursor at is of type date, and was timestamp",
            id="another type",
        ),
        pytest.param(
            ["ALTER TABLE t ALTER at TYPE json USING '1'"],
            {"cursor": "at"},
            UnusableCursor,
            "the cursor at is of type json; it has to be one of int2",
            id="no order",
        ),
        pytest.param(
            ["ALTER TABLE t RENAME at TO att"],
            {"cursor": "at"},
            SchemaDrift,
            "public.t: schema drift: missing at, the cursor; perhaps it is att now?",
            id="a renamed cursor",
        ),
        pytest.param(
            ["DROP TABLE t"], {}, MissingPart, 'public.t: relation "public.t" does not exist', id="a dropped table"
        ),
        pytest.param([], {"table": "nowhere.t"}, MissingPart, "nowhere.t: ", id="a schema that is not there"),
        pytest.param([], {"table": "public.T"}, MissingPart, "public.T: ", id="names are case-sensitive"),
        pytest.param(
            [], {"table": 't"; DROP TABLE t; --'}, SourceError, "is not the name of a table", id="a name that is none"
        ),
        pytest.param([], {"table": '"t; DROP TABLE t"'}, MissingPart, "does not exist", id="a name with SQL in it"),
        pytest.param([], {"table": "", "query": "SELECT nobody FROM t"}, SchemaDrift, "nobody", id="a missing column"),
        pytest.param([], {"table": "", "query": "SELEC 1"}, MalformedPart, "syntax error", id="no query"),
        pytest.param(
            [], {"table": "", "query": "SELECT 1/(id-1) FROM t"}, MalformedPart, "division by zero", id="a fault"
        ),
        pytest.param(
            [], {"table": "pg_authid"}, Unreachable, "permission denied for table pg_authid", id="not allowed"
        ),
        pytest.param([], {"table": "", "query": "SELECT * FROM nextval('s')"}, SourceError, "read-only", id="a write"),
    ],
)
def test_a_fault_names_the_table_and_what_is_wrong(desk, statements, settings, error, said):
    asked = {"table": "public.t"} | settings
    desk.database.execute(
        "CREATE TABLE t (id int, at timestamp)", "INSERT INTO t VALUES (1, '2026-03-01')", "CREATE SEQUENCE s"
    )
    if asked["table"] == "public.t":
        desk.pull(**asked)
    desk.database.execute(*statements)

    with pytest.raises(error) as raised:
        desk.pull(**asked)

    assert said in str(raised.value)
    desk.database.execute("DROP TABLE IF EXISTS t")


def test_a_fault_in_the_middle_of_a_table_leaves_what_was_landed(desk):
    desk.database.execute("CREATE TABLE t AS SELECT generate_series(1, 200000) AS id")
    settings = {"query": "SELECT id, 1 / (id - (SELECT max(id) FROM t) / 2) AS x FROM t", "batch_rows": 1000}
    with pytest.raises(BadPart, match="division by zero"):
        desk.pull(**settings)

    with pytest.raises(MissingPart, match="nothing has been pulled"):
        desk.source(**settings).parts()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://shop:{wrong}@/shop?host={host}", id="a wrong password"),
        pytest.param("postgresql://shop:{wrong}@127.0.0.1:1/shop", id="a refused connection"),
        pytest.param("postgresql://shop:{wrong}@/shop?host=/nowhere", id="no socket"),
        pytest.param("postgresql://shop:{wrong}@[/shop", id="no URL"),
        pytest.param("postgresql://shop:{wrong}/x@127.0.0.1:1/shop", id="a password that is not encoded"),
        pytest.param("postgresql://shop:{wrong}@x@nowhere.invalid/shop", id="another one"),
        pytest.param("host=127.0.0.1 port=1 password='{wrong}'", id="key and value"),
        pytest.param("postgresql://127.0.0.1:1/shop?user=shop&password={wrong}", id="a parameter"),
    ],
)
def test_no_message_holds_the_password(desk, impatient, caplog, capsys, url):
    caplog.set_level(logging.DEBUG)
    host = desk.database.url.partition("host=")[2]
    written = url.format(wrong="hunter3-secret", host=host)

    with pytest.raises(Unreachable, match=r"^public\.t: ") as raised:
        desk.source(written, table="public.t").pull(NOW)

    seen = "".join([*traceback.format_exception(raised.value), caplog.text, *capsys.readouterr()])
    assert "hunter3" not in seen.replace(f'"{written}"', "")  # the source line of this test is in a traceback too


def test_the_password_is_in_nothing_that_is_landed(desk):
    desk.database.execute("CREATE TABLE t AS SELECT 1 AS id")
    desk.source(desk.database.url, table="t", cursor="id").pull(NOW)

    files = [file for file in (desk.folder / "landing").rglob("*") if file.is_file()]

    assert len(files) >= 2
    assert [file for file in files if desk.database.password.encode() in file.read_bytes()] == []
    assert [file for file in files if "hunter2" in str(file)] == []


def test_a_variable_that_is_not_set_is_named_without_the_url(desk):
    with pytest.raises(UnsetVariable, match=r"^the url of t needs the environment variable NOTHING, which is not set$"):
        desk.source("postgresql://shop:hunter3@${NOTHING}/shop", table="t").pull(NOW)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("postgresql://127.0.0.1:1/shop", ATTEMPTS - 1, id="refused"),
        pytest.param("postgresql://shop:wrong@/shop?host={host}", 0, id="a wrong password"),
    ],
)
def test_only_what_may_pass_is_tried_again(desk, impatient, url, expected):
    tried = []
    host = desk.database.url.partition("host=")[2]
    stamina.instrumentation.set_on_retry_hooks([tried.append])

    with pytest.raises(Unreachable):
        desk.source(url.format(host=host), table="t").pull(NOW)

    stamina.instrumentation.set_on_retry_hooks(None)
    assert len(tried) == expected
