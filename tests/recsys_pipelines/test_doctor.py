"""A shop with one of everything that can be counted, and one thing after the other that can be wrong with it."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument, parse
from recsys_pipelines.doctor import Health, SourceState, examine
from recsys_pipelines.ingest import land, settle
from recsys_pipelines.lake import Lake
from recsys_pipelines.lease import Lease
from recsys_pipelines.ledger import Ledger, ReadUpTo, Ruling, Rulings, read_ledger
from recsys_pipelines.processes import this_process
from recsys_pipelines.sources.source import Place

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
UNTIL = date(2026, 1, 31)
HEADER = "event_id,ts,type,user_id,item_id,meta"


class Shop:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake, self.store = Lake(DirectoryBlobs(folder / "lake")), DirectoryBlobs(folder / "store")

    def events(self, name: str, *rows: str) -> None:
        """Rows such as ``e1 2026-01-02T10:00:00Z view``."""
        lines = [HEADER, *(f"{','.join(row.split())},ann,a," for row in rows)]
        (self.folder / "events" / name).write_text("\n".join(lines) + "\n")

    def run(self) -> None:
        land(document(), Place("shop", self.folder, {}), self.lake, now=NOON)
        settle(document(), self.lake, until=UNTIL)

    def health(self, now: datetime = NOON) -> Health:
        return examine(document(), self.lake, self.store, now=now)

    def problems(self) -> list[str]:
        """Those that are not about serving; no test here publishes."""
        return [problem for problem in self.health().problems if "serves nothing" not in problem]


def document() -> TenantDocument:
    plain = {
        "schema": "recsys.tenant/1",
        "tenant": "shop",
        "sources": {
            "items": [{"path": "items.csv"}],
            "events": [{"path": "events/web*.csv"}, {"path": "events/app*.csv"}],
        },
        "algorithms": {},
        "ranking": {},
        "surfaces": {"home": {}},
    }
    return parse(json.dumps(plain).encode(), "test")


@pytest.fixture
def shop(tmp_path) -> Shop:
    shop = Shop(tmp_path)
    (tmp_path / "events").mkdir()
    (tmp_path / "items.csv").write_text("item_id\na\nb\n")
    shop.events("web-1.csv", "e1 2026-01-02T10:00:00Z view", "e1 2026-01-02T10:00:00Z view", "e2 soon view")
    shop.events("web-2.csv", "e1 2026-01-02T10:00:00Z view", "e3 2026-01-31T12:00:00Z hover", "e4 later hover")
    shop.events("app-1.csv", *(f"a{n} 2026-01-30T10:00:00Z click" for n in range(30)), "a30 2026-02-01T13:00:00Z click")
    return shop


def test_how_far_each_source_was_read_and_how_old_its_newest_event_is(shop):
    shop.run()

    items, web, app = shop.health(NOON + timedelta(hours=1)).sources

    assert items == SourceState(
        table="items",
        name="items.csv",
        kind="path",
        files=1,
        rows=2,
        newest=None,
        read_up_to="items.csv",
        landed_at=NOON,
        lag_s=None,
        dead_letters=0,
    )
    assert (web.newest, web.files, web.rows) == (datetime(2026, 1, 2, 10, tzinfo=UTC), 2, 6)
    assert (web.read_up_to, web.lag_s) == ("events/web-2.csv", (30 * 24 + 3) * 3600)
    assert (app.newest, app.lag_s) == (NOON, 3600)


def test_rows_repetitions_rejections_and_clocks_are_counted(shop):
    shop.run()

    health = shop.health()

    assert health.rows["events"] == {"2026-01-02": 1, "2026-01-30": 30}
    assert health.rows["items"] == {"2026-01-31": 2}
    assert (health.watermark, health.duplicates, health.rejected, health.clamped) == (date(2026, 1, 30), 2, 3, 1)
    assert health.rejected_by_rule == {"events.ts.type": 2, "events.type.one_of": 2}


def test_rows_are_counted_without_reading_them(shop):
    """The rows of a Parquet file are in its footer: whatever stands before it may be damaged."""
    shop.run()
    (part,) = (shop.folder / "lake" / "events" / "tenant=shop" / "date=2026-01-30").iterdir()
    body = part.read_bytes()
    footer = int.from_bytes(body[-8:-4], "little") + 8
    part.write_bytes(b"PAR1" + b"\0" * (len(body) - footer - 4) + body[-footer:])

    assert shop.health().rows["events"]["2026-01-30"] == 30


def test_a_shop_with_nothing_in_it_has_two_problems(shop):
    assert [problem.split(";")[0] for problem in shop.health().problems] == [
        "tenant 'shop' has no events in the lake",
        "tenant 'shop' serves nothing",
    ]


def test_a_shop_that_was_landed_has_none_but_that_it_serves_nothing(shop):
    shop.run()

    assert shop.problems() == []


def test_a_file_that_cannot_be_used_is_a_problem(shop):
    (shop.folder / "events" / "web-3.csv").write_bytes(b"")
    shop.run()

    assert shop.problems() == ["events/web-3.csv (events) cannot be used: the file is empty: no rows and no header"]


def test_a_file_that_the_checks_hold_back_is_a_problem(shop):
    shop.run()
    held = next(file for file in read_ledger(shop.lake, "shop").files if file.file == "events/web-2.csv")
    shop.lake.write_json("rulings", "shop", None, Rulings(files={held.id: Ruling(day=UNTIL, passed=False)}))

    assert shop.problems() == ["events/web-2.csv (events) is held back by the data checks of 2026-01-31"]


def test_a_partition_that_cannot_be_read_is_a_problem(shop):
    shop.run()
    (shop.folder / "lake" / "items" / "tenant=shop" / "date=2026-01-31" / "part.parquet").write_bytes(b"damaged")

    (problem,) = shop.problems()

    assert problem.startswith("items of 2026-01-31 cannot be read")
    assert "--full" in problem


def test_many_clocks_that_run_ahead_are_a_problem(shop):
    shop.events("app-2.csv", "b1 2026-02-01T13:00:00Z click", "b2 2026-02-01T12:01:00Z click")
    shop.run()

    assert shop.problems() == ["events/app-2.csv: 1 of 2 events were ahead of our clock; check the sender's"]


def test_what_a_source_outside_said_is_kept_and_its_dead_letters_are_a_problem(shop):
    shop.run()
    read = ReadUpTo(table="events", source=1, name="topic-clicks", watermark="0: 17", dead_letters=2)
    shop.lake.write_json("ledger", "shop", None, Ledger(files=read_ledger(shop.lake, "shop").files, pulled=(read,)))

    health = shop.health()

    assert [(each.name, each.read_up_to, each.dead_letters) for each in health.sources][-1] == (
        "topic-clicks",
        "0: 17",
        2,
    )
    assert shop.problems() == ["topic-clicks: 2 messages could not be read, and wait with the dead letters"]


def test_a_run_that_died_is_a_problem_until_the_next_one(shop):
    shop.run()
    dead = Lease(
        holder="run-1",
        process=replace(this_process(), started="1"),
        taken_at=NOON,
        expires_at=NOON + timedelta(hours=1),
    )
    shop.lake.write_json("lease", "shop", None, dead)

    (problem,) = shop.problems()

    assert "run-1" in problem
    assert "did not end" in problem
