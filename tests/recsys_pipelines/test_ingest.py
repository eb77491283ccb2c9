import gzip
import hashlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument, parse
from data_contracts.errors import BlobChanged
from data_contracts.open import open_blobs
from data_contracts.tables import EVENTS, ITEMS, USERS
from recsys_pipelines.contract import schema
from recsys_pipelines.ingest import Landing, Settled, land, settle
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import Ruling, Rulings, read_ledger, rejected
from recsys_pipelines.sources.source import Place, UnsetVariable

NOW = datetime(2026, 2, 1, tzinfo=UTC)
UNTIL = date(2026, 1, 31)
HEADER = "event_id,ts,type,user_id,item_id"


class Shop:
    """A tenant's folder and its lake; ``run`` lands and settles what is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sources"
        self.lake_folder = folder / "lake"
        self.lake = Lake(DirectoryBlobs(self.lake_folder))
        self.document = document()

    def open(self) -> "Shop":
        (self.folder / "events").mkdir(parents=True)
        self.write("items.csv", "item_id,title", "a,Apple", "b,Bread")
        return self

    def write(self, name: str, *lines: str) -> None:
        (self.folder / name).write_text("\n".join(lines) + "\n")

    def events(self, name: str, *rows: str) -> None:
        """Rows such as ``e1 2026-01-02T10:00:00Z``: views of ann on item a."""
        self.write(f"events/{name}", HEADER, *(f"{','.join(row.split())},view,ann,a" for row in rows))

    def land(self, now: datetime = NOW, *, full: bool = False) -> Landing:
        return land(self.document, Place("shop", self.folder, {}), self.lake, now=now, full=full)

    def run(self, until: date = UNTIL, rewrite: tuple[date, ...] = ()) -> Settled:
        self.land()
        return settle(self.document, self.lake, until=until, rewrite=rewrite)

    def day(self, day: int) -> list[str]:
        return self.lake.read("events", "shop", date(2026, 1, day))["event_id"].to_list()

    def day_rows(self, day: date) -> list[tuple[str, datetime, str | None]]:
        return self.lake.read("events", "shop", day).select("event_id", "ts", "flags").rows()

    def days(self) -> dict[int, list[str]]:
        return {day.day: self.day(day.day) for day in self.lake.days("events", "shop")}

    def tree(self) -> dict[str, str]:
        """The digest of every file of the lake."""
        files = (path for path in self.lake_folder.rglob("*") if path.is_file() and ".store" not in path.parts)
        return {
            path.relative_to(self.lake_folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    def times(self) -> dict[str, int]:
        return {name: (self.lake_folder / name).stat().st_mtime_ns for name in self.tree()}


def document(**changes) -> TenantDocument:
    plain = {
        "schema": "recsys.tenant/1",
        "tenant": "shop",
        "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events"}]},
        "algorithms": {},
        "ranking": {},
        "surfaces": {"home": {}},
    }
    return parse(json.dumps(plain | changes).encode(), "test")


@pytest.fixture
def shop(tmp_path) -> Shop:
    return Shop(tmp_path).open()


def test_events_are_settled_by_utc_day_and_time(shop):
    shop.events("one.csv", "e1 2026-01-02T00:30:00+02:00", "e3 2026-01-02T09:00:00Z", "e2 2026-01-02T08:00:00Z")

    settled = shop.run()

    assert shop.days() == {1: ["e1"], 2: ["e2", "e3"]}
    assert settled == Settled((date(2026, 1, 1), date(2026, 1, 2)), events=3, duplicates=0, items=2, users=0)


def test_every_canonical_table_has_exactly_the_columns_of_its_contract(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z")
    shop.run()

    assert shop.lake.read("events", "shop", date(2026, 1, 2)).schema == schema(EVENTS)
    assert shop.lake.read("items", "shop", UNTIL).schema == schema(ITEMS)
    assert shop.lake.read("users", "shop", UNTIL).schema == schema(USERS)


def test_a_landing_says_what_there_is_and_what_is_new(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-05T10:00:00Z", "e3 soon")
    first, second = shop.land(), shop.land()

    assert (first.rows, first.accepted, first.rejected) == (5, 4, 1)
    assert first.days == (date(2026, 1, 2), date(2026, 1, 5))
    assert [file.file for file in first.files] == ["items.csv", "events/one.csv"]
    assert [(landing.files_new, landing.files_gone) for landing in (first, second)] == [(2, 0), (0, 0)]


def test_the_same_input_again_writes_nothing_also_the_day_after(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e1 2026-01-02T10:00:00Z", "bad soon")
    shop.run()
    before = shop.times()

    shop.land(now=datetime(2026, 2, 2, tzinfo=UTC))
    settled = settle(shop.document, shop.lake, until=UNTIL)

    assert shop.times() == before
    assert settled.days == ()


def test_a_late_file_rewrites_only_the_days_it_touches(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-03T10:00:00Z")
    shop.run()
    before = shop.times()
    shop.events("two.csv", "e0 2026-01-02T09:00:00Z")

    settled = shop.run()

    assert settled.days == (date(2026, 1, 2),)
    assert shop.day(2) == ["e0", "e1"]
    assert {name for name, at in shop.times().items() if name.startswith("events/") and before.get(name) != at} == {
        "events/tenant=shop/date=2026-01-02/part.parquet"
    }


def test_a_changed_file_replaces_what_it_said_before(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-03T10:00:00Z")
    shop.run()
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e4 2026-01-04T10:00:00Z")

    settled = shop.run()

    assert shop.days() == {2: ["e1"], 4: ["e4"]}
    assert settled.days == (date(2026, 1, 3), date(2026, 1, 4))


def test_what_a_removed_file_said_is_gone_with_all_its_parts(shop, tmp_path):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z")
    shop.run()
    alone = shop.tree()
    shop.events("two.csv", "e2 2026-01-02T11:00:00Z", "e3 2026-01-03T11:00:00Z", "bad soon")
    shop.run()
    (shop.folder / "events" / "two.csv").unlink()

    shop.run()

    assert shop.tree() == alone


def test_a_changed_mapping_is_applied_to_files_that_did_not_change(shop):
    shop.write("events/one.csv", HEADER, "e1,2026-01-02T10:00:00,view,ann,a")
    shop.run()
    source = {"path": "events", "fields": {"ts": {"column": "ts", "timezone": "Pacific/Auckland"}}}
    shop.document = document(sources={"items": [{"path": "items.csv"}], "events": [source]})

    landing = shop.land()
    settle(shop.document, shop.lake, until=UNTIL)

    assert (landing.files_new, landing.files_gone) == (1, 1)
    assert shop.days() == {1: ["e1"]}


@pytest.mark.parametrize(
    ("policies", "read_again"),
    [
        pytest.param({"clock": {"clamp_within_s": 0}}, ["events/one.csv"], id="of clocks"),
        pytest.param({"privacy": {"default_consent": "limited"}}, ["items.csv", "events/one.csv"], id="of privacy"),
        pytest.param({"privacy": {"retention": {"events_days": 500}}}, [], id="of how long rows are kept"),
        pytest.param({"algorithms": {"popularity": {}}}, [], id="of nothing that concerns rows"),
    ],
)
def test_a_changed_policy_is_applied_to_files_that_did_not_change(shop, policies, read_again):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z")
    before = {file.id for file in shop.land().files}
    shop.document = document(**policies)

    after = shop.land().files

    assert [file.file for file in after if file.id not in before] == read_again


def test_a_file_that_was_delivered_twice_counts_once(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-02T11:00:00Z")
    shop.events("copy.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-02T11:00:00Z")

    settled = shop.run()

    assert shop.day(2) == ["e1", "e2"]
    assert (settled.events, settled.duplicates) == (2, 2)


def test_of_copies_on_one_day_the_earliest_counts(shop):
    shop.events("a.csv", "e1 2026-01-02T12:00:00Z")
    shop.events("b.csv", "e1 2026-01-02T10:00:00Z", "e1 2026-01-02T11:00:00Z")

    settled = shop.run()

    assert shop.lake.read("events", "shop", date(2026, 1, 2))["ts"].to_list() == [datetime(2026, 1, 2, 10, tzinfo=UTC)]
    assert settled.duplicates == 2


@pytest.mark.parametrize("together", [True, False], ids=["in one run", "the later copy first"])
def test_of_copies_on_several_days_the_first_day_keeps_it(shop, together):
    shop.events("late.csv", "e1 2026-01-09T10:00:00Z", "e2 2026-01-09T11:00:00Z")
    if not together:
        shop.run()
    shop.events("early.csv", "e1 2026-01-02T10:00:00Z")

    settled = shop.run()

    assert shop.days() == {2: ["e1"], 9: ["e2"]}
    assert settled.duplicates == 1


@pytest.mark.parametrize(
    ("left", "expected"),
    [(["e2 2026-01-02T11:00:00Z"], {2: ["e2"], 9: ["e1"]}), ([], {9: ["e1"]})],
    ids=["alone", "with its whole day"],
)
def test_when_the_first_copy_goes_the_next_one_counts(shop, left, expected):
    shop.events("late.csv", "e1 2026-01-09T10:00:00Z")
    shop.events("early.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-02T11:00:00Z")
    shop.run()
    shop.events("early.csv", *left)

    settled = shop.run()

    assert shop.days() == expected
    assert settled.days == (date(2026, 1, 2), date(2026, 1, 9))


def test_an_earlier_day_that_was_settled_alone_is_looked_at_when_the_later_one_is(shop):
    shop.events("late.csv", "e1 2026-01-09T10:00:00Z", "e2 2026-01-09T11:00:00Z")
    shop.run()
    shop.events("early.csv", "e1 2026-01-02T10:00:00Z")
    shop.run(until=date(2026, 1, 5))

    shop.run()

    assert shop.days() == {2: ["e1"], 9: ["e2"]}


@pytest.mark.parametrize(("later", "kept"), [("2026-01-31", 1), ("2026-02-01", 2)], ids=["30 days", "31 days"])
def test_a_copy_is_known_as_one_for_thirty_days(shop, later, kept):
    shop.events("one.csv", "e1 2026-01-01T23:00:00Z", "e2 2026-01-02T00:00:00Z")
    shop.events("two.csv", f"e1 {later}T00:00:00Z")

    assert shop.run(until=date(2026, 2, 1)).events == kept + 1


def test_a_day_after_until_is_left_for_a_later_run(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-03T10:00:00Z")

    shop.run(until=date(2026, 1, 2))
    first = shop.days()
    shop.run(until=date(2026, 1, 3))

    assert (first, shop.days()) == ({2: ["e1"]}, {2: ["e1"], 3: ["e2"]})


def test_an_earlier_run_again_leaves_later_days_alone(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-03T10:00:00Z")
    shop.run()
    before = shop.tree()

    shop.run(until=date(2026, 1, 2))

    assert {name: digest for name, digest in shop.tree().items() if name in before} == before


def test_a_lost_partition_comes_back_and_a_damaged_one_when_asked(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-03T10:00:00Z")
    shop.run()
    before = shop.tree()
    events = shop.lake_folder / "events" / "tenant=shop"
    (events / "date=2026-01-02" / "part.parquet").unlink()
    (events / "date=2026-01-03" / "part.parquet").write_bytes(b"damaged")

    settled = shop.run(rewrite=(date(2026, 1, 3),))

    assert settled.days == (date(2026, 1, 2), date(2026, 1, 3))
    assert shop.tree() == before


def test_a_full_rebuild_makes_good_whatever_was_lost_or_damaged(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-03T10:00:00Z", "bad soon")
    shop.run()
    before = shop.tree()
    for part in shop.lake_folder.rglob("*.parquet"):
        part.write_bytes(b"damaged")
    stray = shop.lake_folder / "events" / "tenant=shop" / "date=2026-01-09"
    stray.mkdir()
    (stray / "part.parquet").write_bytes(b"from nowhere")

    shop.land(now=datetime(2026, 3, 1, tzinfo=UTC), full=True)
    settle(shop.document, shop.lake, until=UNTIL)

    assert shop.tree() == before


def test_a_full_rebuild_of_what_is_whole_changes_nothing(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-02-01T06:00:00Z", "bad soon")
    shop.run()
    before = shop.tree()

    landing = shop.land(now=datetime(2026, 3, 1, tzinfo=UTC), full=True)
    settled = settle(shop.document, shop.lake, until=UNTIL)

    assert shop.tree() == before
    assert (landing.files_new, settled.days) == (0, ())


def test_a_skewed_clock_is_measured_by_the_first_landing_also_when_the_file_is_read_again(shop):
    shop.events("one.csv", "e1 2026-02-01T06:00:00Z")
    shop.run(until=date(2026, 2, 28))
    first = shop.day_rows(date(2026, 2, 1))
    renamed = {"path": "events", "fields": {"surface": {"constant": "home"}}}
    shop.document = document(sources={"items": [{"path": "items.csv"}], "events": [renamed]})

    shop.land(now=datetime(2026, 3, 1, tzinfo=UTC))
    settle(shop.document, shop.lake, until=date(2026, 2, 28))

    assert first == [("e1", NOW, "clock_clamped")]
    assert shop.day_rows(date(2026, 2, 1)) == first


def test_a_landed_file_says_its_columns_its_newest_event_and_how_many_clocks_were_set_right(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-02-01T06:00:00Z")

    items, events = shop.land().files

    assert (items.newest, items.clamped, items.columns) == (None, 0, {"item_id": "text", "title": "text"})
    assert (events.newest, events.clamped) == (NOW, 1)
    assert list(events.columns) == HEADER.split(",")


def test_of_an_item_the_last_row_of_the_last_source_counts(shop):
    shop.write("more.csv", "item_id,title", "a,Apricot", "c,Cake", "a,Avocado")
    shop.document = document(sources={"items": [{"path": "items.csv"}, {"path": "more.csv"}], "events": []})

    shop.run()

    items = shop.lake.read("items", "shop", UNTIL)
    assert items.select("item_id", "title").rows() == [("a", "Avocado"), ("b", "Bread"), ("c", "Cake")]


def test_an_item_that_leaves_its_source_leaves_the_catalog_of_that_day_on(shop):
    shop.run(until=date(2026, 1, 2))
    shop.write("items.csv", "item_id,title", "b,Bread")
    shop.run(until=date(2026, 1, 3))

    assert shop.lake.read("items", "shop", date(2026, 1, 2))["item_id"].to_list() == ["a", "b"]
    assert shop.lake.read("items", "shop", date(2026, 1, 3))["item_id"].to_list() == ["b"]


def test_rejected_rows_are_kept_with_file_row_rule_and_value(shop):
    shop.write("events/one.csv", HEADER, "e1,soon,view,ann,a", "e2,2026-01-02T10:00:00Z,hover,,a")
    shop.run()

    assert rejected(shop.lake, "shop").rows() == [
        ("events", "events/one.csv", 1, "ts: a time", "soon"),
        ("events", "events/one.csv", 2, "type: one of view, click, add, purchase, custom", "hover"),
        ("events", "events/one.csv", 2, "user_id: given, or else anonymous_id or session_id", None),
    ]
    assert shop.days() == {}


def test_events_of_the_future_are_rejected_and_make_no_partition(shop):
    shop.events("one.csv", "e1 2026-02-01T00:05:00Z", "e2 2026-02-02T00:00:01Z", "e3 2099-01-01T00:00:00Z")

    landing = shop.land()

    assert (landing.days, landing.rejected) == ((date(2026, 2, 1),), 2)


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        pytest.param(b"", "empty", "the file is empty", id="an empty file"),
        pytest.param(f"{HEADER}\ne1,caf\xe9".encode("latin-1"), "encoding", "line 2", id="wrong encoding"),
        pytest.param(f"{HEADER}\na,b,c,d,e,f\n".encode(), "malformed", "6 fields instead of 5", id="a broken line"),
        pytest.param(b"event_id,time,type,user_id\n", "columns", "missing ts; not expected time", id="schema drift"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_fact_and_the_others_go_on(shop, body, kind, said):
    shop.events("good.csv", "e1 2026-01-02T10:00:00Z")
    (shop.folder / "events" / "bad.csv").write_bytes(body)

    shop.run()

    faults = {file.file: file.fault for file in read_ledger(shop.lake, "shop").files if file.fault}
    assert list(faults) == ["events/bad.csv"]
    assert faults["events/bad.csv"].kind == kind
    assert said in faults["events/bad.csv"].message
    assert shop.days() == {2: ["e1"]}


def test_a_file_that_was_repaired_is_landed(shop):
    shop.write("events/one.csv", "nonsense")
    shop.run()
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z")

    shop.run()

    assert shop.days() == {2: ["e1"]}


def test_a_half_written_file_is_a_fact_until_it_is_whole(shop):
    """Whoever writes in place is seen in the middle; a name that begins with a dot or ``_`` would not be read yet."""
    whole = gzip.compress(f"{HEADER}\ne1,2026-01-02T10:00:00Z,view,ann,a".encode(), mtime=0)
    path = shop.folder / "events" / "one.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    (shop.folder / "events" / "_two.csv").write_text("e1,")
    half = shop.land()
    settled = settle(shop.document, shop.lake, until=UNTIL)
    path.write_bytes(whole)

    shop.run()

    assert [file.file for file in half.files if file.fault] == ["events/one.csv.gz"]
    assert settled.events == 0
    assert shop.days() == {2: ["e1"]}


def test_a_lost_ledger_costs_another_reading_and_changes_nothing(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-03T10:00:00Z", "bad soon")
    shop.run()
    before = shop.tree()
    for record in ("ledger", "settled"):
        (shop.lake_folder / record / "tenant=shop" / f"{record}.json").unlink()

    shop.run()

    assert shop.tree() == before


def test_a_source_without_a_file_is_a_fact_too(shop):
    (shop.folder / "items.csv").unlink()
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z")

    landing = shop.land()

    assert [(file.file, file.fault.kind) for file in landing.files if file.fault] == [("items.csv", "missing")]


def test_a_variable_that_is_not_set_is_the_users_mistake(shop):
    shop.document = document(sources={"items": [{"path": "${SHOP}/items.csv"}], "events": []})

    with pytest.raises(UnsetVariable, match="SHOP"):
        shop.land()


def test_a_blocked_file_is_not_settled(shop):
    shop.events("good.csv", "e1 2026-01-02T10:00:00Z")
    shop.events("bad.csv", "e2 2026-01-02T11:00:00Z")
    bad = next(file for file in shop.land().files if file.file == "events/bad.csv")
    shop.lake.write_json("rulings", "shop", None, Rulings(files={bad.id: Ruling(day=UNTIL, passed=False)}))

    shop.run()

    assert shop.days() == {2: ["e1"]}


@pytest.mark.slow  # a real HTTP peer that speaks S3
def test_a_lake_on_s3_holds_the_same_as_one_in_a_directory(shop, bucket, s3_environ):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e1 2026-01-03T10:00:00Z", "e2 2026-01-03T10:00:00Z", "bad soon")
    shop.run()
    blobs = open_blobs(f"s3://{bucket}/lake", s3_environ)

    for _ in range(2):
        land(shop.document, Place("shop", shop.folder, {}), Lake(blobs), now=NOW)
        settle(shop.document, Lake(blobs), until=UNTIL)

    found = {entry.key: hashlib.sha256(blobs.read(entry.key)).hexdigest() for entry in blobs.entries("")}
    assert found == shop.tree()


def test_tenants_with_the_same_files_share_nothing(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z")
    shop.run()
    other = document(tenant="other")
    land(other, Place("shop", shop.folder, {}), shop.lake, now=NOW)
    settle(other, shop.lake, until=UNTIL)

    theirs = {name.replace("tenant=other", "tenant=shop") for name in shop.tree() if "tenant=other" in name}
    assert theirs == {name for name in shop.tree() if "tenant=shop" in name}


def test_of_two_landings_at_the_same_time_one_is_refused(shop):
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z")

    class Rival(DirectoryBlobs):
        """Somebody else lands just before our ledger is written."""

        def replace(self, key: str, body: bytes, tag: str | None) -> str:
            if key.startswith("ledger/"):
                shop.land()
            return super().replace(key, body, tag)

    with pytest.raises(BlobChanged):
        land(shop.document, Place("shop", shop.folder, {}), Lake(Rival(shop.lake_folder)), now=NOW)

    assert settle(shop.document, shop.lake, until=UNTIL).events == 1


class Killed(Exception):
    """The process ends here."""


class Mortal(DirectoryBlobs):
    """A store whose user dies before the change number ``life``."""

    def __init__(self, root: Path, life: int, die: Callable[[], None]) -> None:
        super().__init__(root)
        self.life, self.die = life, die

    def replace(self, key: str, body: bytes, tag: str | None) -> str:
        self.age()
        return super().replace(key, body, tag)

    def delete(self, key: str) -> None:
        self.age()
        super().delete(key)

    def age(self) -> None:
        self.life -= 1
        if self.life < 0:
            self.die()


def killed() -> None:
    raise Killed


def copy(folder: Path, to: Path) -> Shop:
    shutil.copytree(folder, to)
    return Shop(to)


@pytest.fixture
def before(tmp_path) -> Path:
    """A shop in which the next run writes, rewrites and deletes everything that a run can."""
    shop = Shop(tmp_path / "before").open()
    shop.events("one.csv", "e1 2026-01-02T10:00:00Z", "e2 2026-01-03T10:00:00Z", "bad soon")
    shop.events("gone.csv", "e3 2026-01-04T10:00:00Z")
    shop.run()
    (shop.folder / "events" / "gone.csv").unlink()
    shop.events("one.csv", "e1 2026-01-01T10:00:00Z", "e2 2026-01-03T11:00:00Z", "bad later")
    shop.write("items.csv", "item_id,title", "a,Avocado")
    return tmp_path / "before"


def attempt(shop: Shop, blobs: DirectoryBlobs) -> bool:
    """One run; whether it lived to its end."""
    try:
        land(shop.document, Place("shop", shop.folder, {}), Lake(blobs), now=NOW)
        settle(shop.document, Lake(blobs), until=UNTIL)
    except Killed:
        return False
    return True


def test_a_run_that_is_killed_before_any_change_and_repeated_ends_as_an_undisturbed_one(tmp_path, before):
    undisturbed = copy(before, tmp_path / "undisturbed")
    undisturbed.run()

    survived, life = False, 0
    while not survived:
        shop = copy(before, tmp_path / str(life))
        survived = attempt(shop, Mortal(shop.lake_folder, life, killed))
        shop.run()
        assert shop.tree() == undisturbed.tree(), f"killed before change {life}"
        life += 1
    assert life > 12


@pytest.mark.slow  # a process of its own
@pytest.mark.parametrize("life", [3, 9])
def test_a_killed_process_leaves_nothing_that_the_next_one_cannot_mend(tmp_path, before, life):
    """The same with SIGKILL: no ``finally`` runs, no buffer is flushed, unfinished files stay."""
    undisturbed, shop = copy(before, tmp_path / "undisturbed"), copy(before, tmp_path / "killed")
    undisturbed.run()
    program = f"""
import os, runpy, signal
tests = runpy.run_path({__file__!r})
shop = tests["Shop"](tests["Path"]({str(shop.folder.parent)!r}))
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
tests["attempt"](shop, tests["Mortal"](shop.lake_folder, {life}, die))
"""

    ended = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False)
    shop.run()

    assert ended.returncode == -signal.SIGKILL
    assert shop.tree() == undisturbed.tree()


def test_a_file_of_any_kind_ends_as_the_same_events(shop):
    """Epoch milliseconds as JSON numbers, numeric types, Latin-1 and gzip beside plain CSV: one event each."""
    rows = pl.DataFrame({"id": ["e2"], "at": [1_767_348_000_000], "kind": [0], "who": ["ann"], "what": ["a"]})
    rows.write_ndjson(shop.folder / "events.jsonl")
    shop.events("one.csv", "e1 2026-01-02T09:00:00Z")
    names = {"event_id": "id", "type": "kind", "user_id": "who", "item_id": "what"}
    more = {"path": "events.jsonl", "fields": names | {"ts": {"column": "at", "time": "ms"}}}
    shop.document = document(sources={"items": [{"path": "items.csv"}], "events": [{"path": "events"}, more]})

    shop.run()

    events = shop.lake.read("events", "shop", date(2026, 1, 2))
    assert events.select("event_id", "type", "user_id").rows() == [("e1", "view", "ann"), ("e2", "view", "ann")]
    assert events["ts"].to_list() == [datetime(2026, 1, 2, hour, tzinfo=UTC) for hour in (9, 10)]
