"""The examples of sources, each against the real thing: the same shop comes out of folders, a bucket and a database."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import parse
from data_contracts.records import Event
from recsys_pipelines.ingest import Landing, Settled, land, settle
from recsys_pipelines.lake import Lake
from recsys_pipelines.sources.source import Place

EXAMPLES = Path(__file__).parents[2] / "examples" / "sources"
SHOP = EXAMPLES / "shop"
DAY = date(2026, 3, 12)
NOW = datetime(2026, 3, 13, tzinfo=UTC)
LINES = 83  # of 87, without the 4 lines of the 2 orders that were cancelled


class Installation(NamedTuple):
    """Where the examples run: a lake and a landing area in a folder, and what the environment says."""

    folder: Path
    environ: dict[str, str]

    def run(self, name: str) -> tuple[Landing, Settled]:
        """Land and settle one example, as `recsys run daily` begins."""
        folder = EXAMPLES / name
        document = parse((folder / "tenant.json").read_bytes(), name)
        place = Place(document.tenant, folder, self.environ, DirectoryBlobs(self.folder / "landing"))
        landing = land(document, place, self.lake, now=NOW)
        return landing, settle(document, self.lake, until=DAY)

    @property
    def lake(self) -> Lake:
        """The tables."""
        return Lake(DirectoryBlobs(self.folder / "lake"))

    def events(self, name: str) -> pl.DataFrame:
        """All events of one example."""
        days = self.lake.days("events", f"sources_{name}")
        return self.lake.scan("events", f"sources_{name}", days).collect()


@pytest.fixture
def bucketful(bucket: str, s3_client: Any, s3_environ: dict[str, str]) -> dict[str, str]:
    """The files of the shop in a bucket."""
    for file in SHOP.rglob("*.csv"):
        s3_client.put_object(Bucket=bucket, Key=f"shop/{file.relative_to(SHOP).as_posix()}", Body=file.read_bytes())
    return s3_environ | {"SHOP_BUCKET": bucket}


@pytest.fixture
def database(postgres: Any) -> Any:
    """The tables of the shop in a database."""
    script = (SHOP / "shop.sql").read_text()
    statements = [statement for statement in script.split(";\n") if statement.strip()]
    postgres.execute(*statements)
    return postgres


def test_partitioned_folders_with_the_orders_of_their_lines(tmp_path):
    here = Installation(tmp_path, {})

    landing, settled = here.run("folders")

    events = here.events("folders")
    assert [file.fault for file in landing.files if file.fault] == []
    assert (settled.items, settled.orders, events.height) == (8, 40, LINES)
    assert set(events["surface"]) == {"berlin", "online"}
    first = events.filter(event_id="l001").row(0, named=True)
    assert (first["user_id"], first["order_id"], first["ts"]) == ("c06", "o001", datetime(2026, 3, 1, 8, 7, tzinfo=UTC))


@pytest.mark.slow
def test_a_bucket_gives_the_very_same_tables(tmp_path, bucketful):
    here = Installation(tmp_path, bucketful)
    here.run("folders")

    _, settled = here.run("bucket")

    assert (settled.items, settled.orders) == (8, 40)
    assert here.events("bucket").equals(here.events("folders"))


@pytest.mark.slow
def test_tables_of_a_database_give_the_same_events_and_then_only_what_is_new(tmp_path, database):
    here = Installation(tmp_path, {"SHOP_DATABASE": database.url})
    here.run("folders")

    first, settled = here.run("postgres")
    again, _ = here.run("postgres")
    database.execute(
        "INSERT INTO shop.orders VALUES "
        "('o041', 'c01', 'x@example.org', '2026-03-11T09:00Z', 'paid', 7.90, '2026-03-11T09:00Z')",
        "INSERT INTO shop.order_lines VALUES ('l088', 'o041', 'honey', 1, 7.90)",
        "UPDATE shop.products SET price = 8.90 WHERE sku = 'honey'",
    )
    later, after = here.run("postgres")

    columns = ["event_id", "ts", "user_id", "item_id", "order_id", "value", "amount_minor"]
    events = here.events("postgres").select(columns)
    assert (settled.items, settled.orders) == (8, 40)
    assert events.head(LINES).equals(here.events("folders").select(columns))
    assert events.row(LINES)[0] == "l088"
    assert [pull.rows for pull in first.pulled] == [8, 87, 40]
    assert [pull.rows for pull in again.pulled] == [0, 0, 0]
    assert [pull.rows for pull in later.pulled] == [8, 1, 1]
    assert after.orders == 41
    items = here.lake.read("items", "sources_postgres", DAY)
    assert items.filter(item_id="honey")["price_minor"].to_list() == [890]


@pytest.mark.slow
def test_nothing_that_no_query_names_is_copied_from_a_database(tmp_path, database):
    here = Installation(tmp_path, {"SHOP_DATABASE": database.url})

    here.run("postgres")

    columns = {name for file in tmp_path.rglob("landing/**/*.parquet") for name in pl.read_parquet_schema(file)}
    assert "customer" in columns
    assert "email" not in columns


@pytest.mark.slow
def test_a_topic_gives_the_same_events(tmp_path, kafka):
    kafka.send(kafka.topic(name="shop.orders"), (SHOP / "messages.jsonl").read_bytes().splitlines())
    here = Installation(tmp_path, {"KAFKA_BROKERS": kafka.address})
    here.run("folders")

    here.run("kafka")

    columns = ["event_id", "ts", "user_id", "item_id", "order_id", "value"]
    assert here.events("kafka").select(columns).equals(here.events("folders").select(columns))


def test_what_the_server_was_told_needs_no_fields(tmp_path):
    here = Installation(tmp_path, {})
    event = Event(event_id="e1", ts=datetime(2026, 3, 1, tzinfo=UTC), type="view", user_id="c01", item_id="honey")
    landing = DirectoryBlobs(tmp_path / "landing")
    landing.create("events/tenant=sources_server_log/date=2026-03-01/1.jsonl", msgspec.json.encode(event) + b"\n")

    here.run("server_log")

    assert here.events("server_log")["event_id"].to_list() == ["e1"]


def test_every_example_is_on_the_page():
    page = (EXAMPLES / "README.md").read_text()

    assert [
        folder.parent.name for folder in EXAMPLES.glob("*/tenant.json") if f"`{folder.parent.name}`" not in page
    ] == []
