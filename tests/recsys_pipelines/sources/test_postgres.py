"""Snapshots, cursors and crashes of Postgres. What holds for every source is elsewhere."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from recsys_pipelines.sources.landed import LEFTOVER
from recsys_pipelines.sources.postgres_session import session

pytestmark = pytest.mark.slow

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KILLED = Path(__file__).with_name("killed_pull.py")


def test_no_landed_file_has_more_rows_than_a_batch(desk):
    desk.database.execute("CREATE TABLE t AS SELECT generate_series(1, 10) AS id")

    pulled = desk.pull(table="t", batch_rows=4)

    files = list((desk.folder / "landing").rglob("*.parquet"))
    assert sorted(pl.read_parquet(file).height for file in files) == [2, 4, 4]
    assert (pulled.rows, pulled.files, pulled.watermark) == (10, 3, "10 rows")


def test_a_snapshot_takes_the_place_of_the_one_before(desk):
    desk.database.execute("CREATE TABLE t AS SELECT generate_series(1, 4) AS id")
    desk.pull(table="t", batch_rows=2)
    before = desk.source(table="t").parts()
    desk.database.execute("DELETE FROM t WHERE id = 4")

    pulled = desk.pull(table="t", batch_rows=2)

    assert desk.values("id", table="t") == [1, 2, 3]
    assert desk.source(table="t").parts()[0] == before[0]
    assert (pulled.rows, pulled.files) == (1, 1)


def test_a_snapshot_does_not_depend_on_where_rows_lie_in_the_table(desk):
    desk.database.execute("CREATE TABLE t AS SELECT id, 'x' AS name FROM generate_series(1, 5) AS id")
    desk.pull(table="t")
    before = desk.source(table="t").parts()
    desk.database.execute("UPDATE t SET name = 'x' WHERE id < 3")  # moves the rows to the end of the heap

    assert desk.pull(table="t").files == 0
    assert desk.source(table="t").parts() == before


def test_what_is_gone_from_the_table_is_gone_from_the_landing_area(desk):
    desk.database.execute("CREATE TABLE t AS SELECT 1 AS id, 'ann@example.org' AS email")
    desk.pull(table="t")
    desk.database.execute("UPDATE t SET email = ''")

    desk.pull(table="t")

    assert [pl.read_parquet(file)["email"][0] for file in (desk.folder / "landing").rglob("*.parquet")] == [""]


def test_what_a_killed_pull_left_is_swept_after_a_while(desk):
    desk.database.execute("CREATE TABLE t AS SELECT generate_series(1, 3) AS id")
    asked = [desk.database.url, str(desk.folder / "landing"), "", "before", "1"]
    subprocess.run([sys.executable, str(KILLED), *asked], check=False)
    desk.database.execute("INSERT INTO t VALUES (0)")
    now = datetime.now(UTC)

    counts = []
    for clock in (now, now + LEFTOVER + timedelta(minutes=1)):
        desk.source(table="t", batch_rows=2).pull(clock)
        counts.append(len(list((desk.folder / "landing").rglob("*.parquet"))))

    assert counts == [4, 2]


def test_a_query_is_read_like_a_table(desk):
    desk.database.execute("CREATE TABLE t AS SELECT generate_series(1, 3) AS id")
    settings = {"query": "SELECT id, id * 10 AS ten FROM t WHERE id > 1;", "cursor": "id"}

    desk.pull(**settings)

    assert desk.values("ten", **settings) == [20, 30]


@pytest.mark.parametrize(
    ("type", "first", "second"),
    [
        pytest.param("int8", "9", "10", id="whole numbers"),
        pytest.param("text", "'a''b'", "'a''c'", id="texts"),
        pytest.param("date", "'2026-03-01'", "'2026-03-02'", id="dates"),
        pytest.param("timestamp", "'2026-03-01 10:00'", "'2026-03-01 10:00:00.000001'", id="times"),
        pytest.param("timestamptz", "'2026-03-01 10:00+02'", "'2026-03-01 09:00+00'", id="times of a zone"),
    ],
)
def test_only_what_is_beyond_the_watermark_is_landed(desk, type, first, second):
    settings = {"table": "t", "cursor": "at"}
    desk.database.execute(f"CREATE TABLE t (id int, at {type})", f"INSERT INTO t VALUES (1, {first})")
    desk.pull(**settings)
    desk.database.execute(f"INSERT INTO t VALUES (2, {second}), (3, {second})")

    pulled = desk.pull(**settings)

    assert (pulled.rows, pulled.files) == (2, 1)
    assert desk.values("id", **settings) == [1, 2, 3]


def test_rows_at_the_watermark_that_were_committed_later_are_not_lost(desk):
    settings = {"table": "t", "cursor": "at", "batch_rows": 2}
    desk.database.execute("CREATE TABLE t (id int, at int, note text[])", "INSERT INTO t VALUES (1, 5, '{a}')")
    desk.pull(**settings)
    desk.database.execute("INSERT INTO t VALUES (2, 5, '{a}'), (3, 5, '{b}'), (0, 5, NULL)")

    assert desk.pull(**settings).rows == 3
    assert desk.values("id", **settings) == [1, 0, 2, 3]


def test_rows_of_one_cursor_in_several_batches_are_landed_once(desk):
    settings = {"table": "t", "cursor": "at", "batch_rows": 2}
    desk.database.execute("CREATE TABLE t AS SELECT id, 7 AS at FROM generate_series(1, 5) AS id")
    desk.pull(**settings)
    desk.database.execute("INSERT INTO t VALUES (6, 7)")

    assert desk.pull(**settings).rows == 1
    assert desk.values("id", **settings) == [1, 2, 3, 4, 5, 6]


def test_rows_that_differ_in_a_microsecond_or_in_nothing_against_not_a_number_are_two(desk):
    settings = {"table": "t", "cursor": "n"}
    desk.database.execute(
        "CREATE TABLE t (n int, at timestamp, x float8)", "INSERT INTO t VALUES (1, '2026-01-01 00:00:00.000001', NULL)"
    )
    desk.pull(**settings)
    desk.database.execute(
        "INSERT INTO t VALUES (1, '2026-01-01 00:00:00.000002', NULL), (1, '2026-01-01 00:00:00.000001', 'NaN')"
    )

    assert desk.pull(**settings).rows == 2


@pytest.mark.parametrize(("overlap_s", "expected"), [(60, [1, 2]), (10, [1])], ids=["within", "beyond"])
def test_an_overlap_finds_rows_that_were_committed_late(desk, overlap_s, expected):
    settings = {"table": "t", "cursor": "at", "overlap_s": overlap_s}
    desk.database.execute("CREATE TABLE t (id int, at timestamptz)", "INSERT INTO t VALUES (1, '2026-01-01 10:00:30Z')")
    desk.pull(**settings)
    desk.database.execute("INSERT INTO t VALUES (2, '2026-01-01 10:00:00Z')")

    pulled = desk.pull(**settings)

    assert desk.values("id", **settings) == expected
    assert pulled.watermark == "2026-01-01 10:00:30.000000+00:00"
    assert desk.pull(**settings).rows == 0


def test_a_new_column_is_landed_from_then_on(desk):
    settings = {"table": "t", "cursor": "id"}
    desk.database.execute("CREATE TABLE t AS SELECT 1 AS id")
    desk.pull(**settings)
    desk.database.execute("ALTER TABLE t ADD COLUMN colour text", "INSERT INTO t VALUES (2, 'red')")

    desk.pull(**settings)

    source = desk.source(**settings)
    assert [list(source.columns(part)) for part in source.parts()] == [["id"], ["id", "colour"]]


def test_what_happens_during_a_snapshot_is_not_in_it(desk):
    desk.database.execute("CREATE TABLE t AS SELECT generate_series(1, 3) AS id")
    with session(desk.database.url, "t") as db:
        db.types("t")
        desk.database.execute("INSERT INTO t VALUES (4)")
        inside = [row for batch in db.batches("SELECT id FROM t", 10) for row in batch["id"]]

    assert inside == [1, 2, 3]


@pytest.mark.parametrize("cursor", ["", "id"], ids=["snapshot", "cursor"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("swap", [1, 2])
def test_a_pull_that_is_killed_neither_loses_nor_doubles_a_row(desk, cursor, moment, swap):
    desk.database.execute("CREATE TABLE t AS SELECT generate_series(1, 5) AS id")
    settings = {"table": "t", "cursor": cursor or None, "batch_rows": 2}
    asked = [desk.database.url, str(desk.folder / "landing"), cursor, moment, str(swap)]
    died = subprocess.run([sys.executable, str(KILLED), *asked], check=False, capture_output=True)
    expected = 0 if swap == 2 and not cursor else -9  # a snapshot has one swap
    assert died.returncode == expected, died.stderr.decode()
    desk.database.execute("INSERT INTO t VALUES (6)")

    desk.pull(**settings)

    assert desk.values("id", **settings) == [1, 2, 3, 4, 5, 6]
