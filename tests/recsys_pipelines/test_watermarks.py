"""A database beside files, pulled step by step through a whole landing: what is lost is read again, and counts once."""

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument, parse
from recsys_pipelines.doctor import examine
from recsys_pipelines.ingest import Landing, land, settle
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import read_ledger
from recsys_pipelines.sources.source import Place, SourceError

pytestmark = pytest.mark.slow  # a database of its own
NOW = datetime(2026, 2, 1, tzinfo=UTC)
UNTIL = date(2026, 1, 31)
TABLE = (
    "CREATE TABLE clicks (n serial PRIMARY KEY, event_id text, ts timestamptz, type text, user_id text, item_id text)"
)


class Shop:
    """A catalog in a file and clicks in a database."""

    def __init__(self, folder: Path, database) -> None:
        self.folder, self.database = folder, database
        self.lake = Lake(DirectoryBlobs(folder / "lake"))
        self.landing = DirectoryBlobs(folder / "landing")
        self.url = database.url
        (folder / "items.csv").write_text("item_id\na\n")
        database.execute(TABLE)

    def click(self, *events: str) -> None:
        """Such as ``e1 2026-01-02T10:00:00Z``."""
        for event in events:
            name, ts = event.split()
            self.database.execute(
                "INSERT INTO clicks (event_id, ts, type, user_id, item_id) "
                f"VALUES ('{name}', '{ts}', 'view', 'ann', 'a')"
            )

    def run(self) -> Landing:
        place = Place("shop", self.folder, {"SHOP": self.url}, self.landing)
        landing = land(document(), place, self.lake, now=NOW)
        settle(document(), self.lake, until=UNTIL)
        return landing

    def events(self) -> dict[str, bytes]:
        """The bytes of every day of events."""
        folder = self.folder / "lake" / "events"
        return {path.parent.name: path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}

    def pulled(self) -> list[Path]:
        return sorted(path for path in (self.folder / "landing" / "pulled").rglob("*") if path.is_file())


def document() -> TenantDocument:
    plain = {
        "schema": "recsys.tenant/1",
        "tenant": "shop",
        "sources": {
            "items": [{"path": "items.csv"}],
            "events": [{"postgres": {"url": "${SHOP}", "table": "public.clicks", "cursor": "n"}}],
        },
        "algorithms": {},
        "ranking": {},
        "surfaces": {"home": {}},
    }
    return parse(json.dumps(plain).encode(), "test")


@pytest.fixture
def shop(tmp_path, postgres) -> Shop:
    shop = Shop(tmp_path, postgres)
    shop.click("e1 2026-01-02T10:00:00Z", "e2 2026-01-03T10:00:00Z")
    return shop


def test_a_run_reads_what_is_beyond_the_watermark_and_remembers_how_far(shop):
    first = shop.run()
    shop.click("e3 2026-01-03T11:00:00Z", "e4 2026-01-04T11:00:00Z")
    second = shop.run()

    assert [landing.pulled[0].rows for landing in (first, second)] == [2, 2]
    assert list(shop.events()) == ["date=2026-01-02", "date=2026-01-03", "date=2026-01-04"]
    (read,) = read_ledger(shop.lake, "shop").pulled
    assert (read.table, read.source, read.watermark) == ("events", 0, second.pulled[0].watermark)
    assert "4" in read.watermark


def test_doctor_says_how_far_a_database_was_read(shop):
    landing = shop.run()

    _, clicks = examine(document(), shop.lake, DirectoryBlobs(shop.folder / "store"), now=NOW).sources

    assert (clicks.kind, clicks.name, clicks.read_up_to) == (
        "postgres",
        landing.pulled[0].source,
        landing.pulled[0].watermark,
    )
    assert (clicks.rows, clicks.newest) == (2, datetime(2026, 1, 3, 10, tzinfo=UTC))


def test_after_the_watermark_was_lost_everything_is_read_again_and_counts_once(shop):
    shop.run()
    shop.click("e3 2026-01-03T11:00:00Z")
    shop.run()
    before = shop.events()
    (record,) = [path for path in shop.pulled() if path.name == "watermark.json"]
    record.unlink()

    landing = shop.run()

    assert landing.pulled[0].rows == 3
    assert shop.events() == before


def test_after_the_whole_landing_area_was_lost_the_source_is_copied_again(shop):
    shop.run()
    before = shop.events()
    shutil.rmtree(shop.folder / "landing")

    shop.run()

    assert shop.events() == before


def test_a_source_that_is_down_stops_the_run_and_changes_nothing(shop):
    shop.run()
    ledger, before, landed = read_ledger(shop.lake, "shop"), shop.events(), shop.pulled()
    (shop.folder / "items.csv").write_text("item_id\na\nb\n")
    up, shop.url = shop.url, "postgresql://nobody@127.0.0.1:1/nowhere?connect_timeout=1"

    with pytest.raises(SourceError):
        shop.run()
    assert (read_ledger(shop.lake, "shop"), shop.events(), shop.pulled()) == (ledger, before, landed)

    shop.url = up
    shop.click("e3 2026-01-03T11:00:00Z")
    assert shop.run().accepted == 2 + 3
