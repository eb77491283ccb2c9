from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.directory import DirectoryBlobs
from data_contracts.errors import BlobChanged, InvalidName
from data_contracts.tables import EVENTS, ITEMS
from recsys_pipelines.contract import schema
from recsys_pipelines.lake import Lake, MissingPartition, Stored

DAY = date(2026, 1, 2)
ROWS = pl.DataFrame({"item_id": ["a", "b"], "price": [1.5, None]})


class Remote(DirectoryBlobs):
    """A store that is no directory to its user: what is read comes through ``read``, as from S3."""

    @property
    def url(self) -> str:
        return "s3://bucket/lake"


class Note(msgspec.Struct, frozen=True):
    text: str
    days: dict[date, int] = {}


@pytest.fixture(params=[DirectoryBlobs, Remote], ids=["a directory", "a remote store"])
def lake(request, tmp_path) -> Lake:
    return Lake(request.param(tmp_path))


def modified(folder: Path) -> dict[str, int]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".store" not in path.parts)
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in files}


def events(*times: datetime) -> pl.DataFrame:
    return pl.DataFrame({"event_id": [f"e{n}" for n, _ in enumerate(times)], "ts": times})


def test_what_was_written_is_read_back(lake):
    lake.write("items", "demo", DAY, ROWS)

    assert_frame_equal(lake.read("items", "demo", DAY), ROWS)


def test_a_partition_stands_where_its_table_tenant_and_day_say(lake, tmp_path):
    lake.write("models_served", "demo", DAY, ROWS, part="als")

    assert list(modified(tmp_path)) == ["models_served/tenant=demo/date=2026-01-02/als.parquet"]


def test_a_partition_is_replaced_and_not_appended_to(lake):
    lake.write("items", "demo", DAY, ROWS)

    assert lake.write("items", "demo", DAY, ROWS.head(1))
    assert lake.read("items", "demo", DAY).height == 1


def test_the_same_rows_again_write_nothing(lake, tmp_path):
    lake.write("items", "demo", DAY, ROWS)
    before = modified(tmp_path)

    assert not lake.write("items", "demo", DAY, ROWS)
    assert modified(tmp_path) == before


def test_how_rows_are_held_in_memory_does_not_change_their_bytes(lake):
    lake.write("items", "demo", DAY, ROWS)

    assert not lake.write("items", "demo", DAY, pl.concat([ROWS.head(1), ROWS.tail(1)], rechunk=False))


def test_a_missing_partition_is_an_error_that_names_the_days_there_are(lake):
    lake.write("items", "demo", DAY, ROWS)

    with pytest.raises(MissingPartition, match=r"date=2026-01-09.*1 days from 2026-01-02 to 2026-01-02"):
        lake.read("items", "demo", date(2026, 1, 9))


def test_tenants_share_nothing(lake):
    lake.write("items", "demo", DAY, ROWS)

    assert lake.days("items", "dem") == []
    with pytest.raises(MissingPartition):
        lake.read("items", "other", DAY)


def test_a_window_holds_its_start_and_not_its_end(lake):
    start = datetime(2026, 1, 2, 12, tzinfo=UTC)
    end = start + timedelta(days=1)
    lake.write("events", "demo", DAY, events(start - timedelta(microseconds=1), start))
    lake.write("events", "demo", DAY + timedelta(days=1), events(end - timedelta(microseconds=1), end))

    assert lake.window("events", "demo", start, end)["ts"].to_list() == [start, end - timedelta(microseconds=1)]


def test_a_window_does_not_read_other_days(lake, tmp_path):
    midnight = datetime(2026, 1, 2, tzinfo=UTC)
    lake.write("events", "demo", DAY, events(midnight))
    after = tmp_path / "events" / "tenant=demo" / "date=2026-01-03"
    after.mkdir()
    (after / "part.parquet").write_bytes(b"not to be read")

    assert lake.window("events", "demo", midnight, midnight + timedelta(days=1)).height == 1


def test_a_window_without_a_day_has_the_columns_of_the_contract(lake):
    empty = lake.window("events", "demo", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 9, tzinfo=UTC))

    assert (empty.height, empty.schema) == (0, schema(EVENTS))


def test_days_of_a_window_come_one_by_one_as_often_as_one_asks(lake):
    start = datetime(2026, 1, 2, 12, tzinfo=UTC)
    for n in range(3):
        lake.write("events", "demo", DAY + timedelta(days=n), events(start + timedelta(days=n)))
    daily = lake.daily("events", "demo", start + timedelta(seconds=1), start + timedelta(days=2))

    found = [[day.select("event_id", "ts").collect().height for day in daily] for _ in range(2)]

    assert found == [[0, 1, 0]] * 2


def test_a_window_may_hold_some_columns_only(lake):
    lake.write("events", "demo", DAY, events(datetime(2026, 1, 2, tzinfo=UTC)))
    start = datetime(2026, 1, 1, tzinfo=UTC)

    assert lake.window("events", "demo", start, start + timedelta(days=5), columns=["event_id"]).columns == ["event_id"]


def test_a_scan_gives_days_in_the_order_asked_for_and_leaves_out_those_that_are_not_there(lake):
    for n in (1, 2):
        lake.write("items", "demo", date(2026, 1, n), pl.DataFrame({"item_id": [str(n)]}))

    found = lake.scan("items", "demo", [date(2026, 1, 2), date(2026, 1, 5), date(2026, 1, 1)]).collect()

    assert found["item_id"].to_list() == ["2", "1"]
    assert lake.scan("items", "demo", []).collect_schema() == schema(ITEMS)


def test_parts_of_the_tenant_belong_to_no_day(lake):
    lake.write("staged", "demo", None, ROWS, part="f1")
    lake.write("staged", "demo", DAY, ROWS, part="f2")

    assert lake.days("staged", "demo") == [DAY]
    assert set(lake.parts("staged", "demo")) == {Stored("staged", None, "f1"), Stored("staged", DAY, "f2")}


def test_what_is_deleted_is_gone_and_may_be_deleted_again(lake):
    lake.write("items", "demo", DAY, ROWS)
    part = Stored("items", DAY, "part")

    lake.delete(part, "demo")
    lake.delete(part, "demo")

    assert lake.days("items", "demo") == []


def test_a_record_is_read_back_and_none_where_there_is_none(lake):
    note = Note("schön", {DAY: 3})
    lake.write_json("notes", "demo", DAY, note)

    assert lake.read_json("notes", "demo", DAY, Note) == note
    assert lake.read_json("notes", "demo", None, Note) is None


def test_the_same_record_again_writes_nothing(lake):
    assert lake.write_json("notes", "demo", None, Note("a"))
    assert not lake.write_json("notes", "demo", None, Note("a"))


def test_of_two_who_swap_a_record_the_second_is_refused(lake):
    lake.swap_json("notes", "demo", None, Note("first"), tag=None)
    _, tag = lake.read_tagged_json("notes", "demo", None, Note)
    lake.swap_json("notes", "demo", None, Note("second"), tag=tag)

    with pytest.raises(BlobChanged):
        lake.swap_json("notes", "demo", None, Note("lost"), tag=tag)

    assert lake.read_json("notes", "demo", None, Note) == Note("second")


@pytest.mark.parametrize(
    ("table", "tenant", "part"),
    [
        pytest.param("..", "demo", "part", id="table"),
        pytest.param("items", "../other", "part", id="tenant"),
        pytest.param("items", "demo", "a/b", id="part"),
    ],
)
def test_a_name_that_would_leave_its_place_is_refused(lake, table, tenant, part):
    with pytest.raises(InvalidName):
        lake.write(table, tenant, DAY, ROWS, part=part)


def test_the_longest_artifact_name_fits(lake):
    name = "a" * 64

    lake.write("models_served", "demo", DAY, ROWS, part=name)

    assert lake.read("models_served", "demo", DAY, part=name).height == 2
