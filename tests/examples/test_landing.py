"""The example tenants, landed: which rows are accepted, and for which reason each bad one is not."""

import os
import runpy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import parse
from recsys_pipelines.ingest import Landing, land, settle
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import rejected
from recsys_pipelines.sources.source import Place

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARED = Path(os.environ.get("RECSYS_SHARED_DATA", EXAMPLES.parents[1] / "shared" / "data"))
NOW = datetime(2026, 2, 1, tzinfo=UTC)
CASES = runpy.run_path(str(EXAMPLES / "data" / "dirty" / "generate.py"))["CASES"]
FAULTS = {
    "empty-file": "empty",
    "wrong-encoding": "encoding",
    "missing-column": "columns",
    "renamed-column": "columns",
    "broken-line": "malformed",
}


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(DirectoryBlobs(tmp_path))


def landed(folder: Path, lake: Lake):
    path = folder / "tenant.json"
    document = parse(path.read_bytes(), str(path))
    return document, land(document, Place(document.tenant, folder, {"RECSYS_SHARED_DATA": str(SHARED)}), lake, now=NOW)


real_data = pytest.mark.slow  # half a million lines, written day by day


class Real(NamedTuple):
    """A tenant of real data, landed and settled."""

    landing: Landing
    events: pl.DataFrame
    items: pl.DataFrame


def real(tenant: str, data: str, last: date, folder: Path) -> Real:
    """Skips where the files are not."""
    if not (SHARED / data).is_dir():
        pytest.skip(f"no real data at {SHARED / data}; set RECSYS_SHARED_DATA to the folder that holds it")
    lake = Lake(DirectoryBlobs(folder))
    document, landing = landed(EXAMPLES / "tenants" / tenant, lake)
    events = events_until(document, lake, last)
    return Real(landing, events, lake.read("items", tenant, last))


@pytest.fixture(scope="module")
def movielens(tmp_path_factory) -> Real:
    return real("movielens", "movielens-100k", date(1998, 4, 22), tmp_path_factory.mktemp("movielens"))


@pytest.fixture(scope="module")
def online_retail(tmp_path_factory) -> Real:
    return real("online_retail", "online-retail", date(2011, 12, 9), tmp_path_factory.mktemp("online-retail"))


def accepted(landing) -> dict[str, int]:
    counts = dict.fromkeys(("items", "users", "events"), 0)
    for file in landing.files:
        counts[file.table] += file.accepted
    return counts


def events_until(document, lake: Lake, last: date) -> pl.DataFrame:
    settle(document, lake, until=last)
    return lake.scan("events", document.tenant, lake.days("events", document.tenant)).collect()


def test_every_row_of_the_demo_shop_is_accepted(lake):
    _, landing = landed(EXAMPLES / "data" / "ecommerce_mini", lake)

    assert accepted(landing) == {"items": 300, "users": 600, "events": 8_000}
    assert (landing.rejected, [file.fault for file in landing.files]) == (0, [None, None, None])
    assert landing.days == tuple(date(2026, 1, day) for day in range(1, 29))


def test_the_settled_demo_shop_is_what_the_library_makes(lake):
    document, _ = landed(EXAMPLES / "data" / "ecommerce_mini", lake)

    events = events_until(document, lake, date(2026, 1, 28))
    made = pl.read_parquet(EXAMPLES / "data" / "ecommerce_mini" / "events.parquet")

    assert events.select(made.columns).sort("event_id").equals(made.sort("event_id"))


def test_every_line_of_the_video_service_becomes_an_event(lake):
    document, landing = landed(EXAMPLES / "data" / "video_mini", lake)

    events = events_until(document, lake, date(2026, 1, 28))

    assert (accepted(landing), landing.rejected) == ({"items": 120, "users": 0, "events": 4_000}, 0)
    assert dict(events.group_by("type").len().iter_rows()) == {"view": 3_200, "custom": 800}


def test_a_view_is_worth_the_fraction_watched_and_a_rating_its_stars(lake):
    document, _ = landed(EXAMPLES / "data" / "video_mini", lake)

    values = (
        events_until(document, lake, date(2026, 1, 28)).group_by("type").agg(low=pl.min("value"), high=pl.max("value"))
    )
    by_type = {name: (low, high) for name, low, high in values.iter_rows()}

    assert by_type["custom"] == (1.0, 5.0)
    assert 0 < by_type["view"][0] < 0.05
    assert 0.95 < by_type["view"][1] <= 1.0


def test_ratings_written_with_an_offset_land_at_their_instant(lake):
    document, _ = landed(EXAMPLES / "data" / "video_mini", lake)
    lines = pl.read_ndjson(EXAMPLES / "data" / "video_mini" / "rated.jsonl")

    rated = events_until(document, lake, date(2026, 1, 28)).filter(pl.col("type") == "custom").sort("event_id")
    written = lines.sort("eventId")["occurredAt"].str.strip_suffix("+01:00").str.to_datetime(time_unit="us")

    assert rated["ts"].dt.replace_time_zone(None).equals(written.dt.offset_by("-1h"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_bad_row_is_rejected_for_its_documented_reason(case, lake):
    _, landing = landed(EXAMPLES / "data" / "dirty" / case.name, lake)

    rules = {rule: count for file in landing.files for rule, count in file.rules.items()}
    faults = [file.fault.kind for file in landing.files if file.fault]

    assert rules == case.rejected
    assert sum(file.repeated for file in landing.files) == case.repeated
    assert faults == [FAULTS[name] for name in [case.name] if name in FAULTS]
    assert landing.rows == landing.accepted + landing.rejected + case.repeated


def test_the_table_of_rejected_rows_has_file_row_and_value(lake):
    landed(EXAMPLES / "data" / "dirty" / "unknown-type", lake)

    rows = rejected(lake, "unknown-type").select("table", "file", "row", "value").rows()

    assert rows == [("events", "events.csv", 10, "hover"), ("events", "events.csv", 11, "7")]


@real_data
def test_movielens_lands_whole(movielens):
    events = movielens.events

    assert accepted(movielens.landing) == {"items": 1_682, "users": 943, "events": 100_000}
    assert movielens.landing.rejected == 0
    assert (events.height, events["user_id"].n_unique(), events["item_id"].n_unique()) == (100_000, 943, 1_682)
    assert set(events["value"]) == {1.0, 2.0, 3.0, 4.0, 5.0}


@real_data
def test_times_of_movielens_are_seconds_since_1970(movielens):
    assert movielens.events["ts"].min() == datetime(1997, 9, 20, 3, 5, 10, tzinfo=UTC)
    assert movielens.events["ts"].max() == datetime(1998, 4, 22, 23, 10, 38, tzinfo=UTC)


@real_data
def test_a_film_of_movielens_has_its_first_genre_as_category_and_all_as_tags(movielens):
    toy_story = movielens.items.row(by_predicate=pl.col("item_id") == "1", named=True)

    assert (toy_story["title"], toy_story["category"]) == ("Toy Story (1995)", "animation")
    assert {"genre:animation", "genre:children", "genre:comedy"} <= set(toy_story["tags"])
    assert toy_story["created_at"] == datetime(1995, 1, 1, tzinfo=UTC)


@real_data
def test_what_movielens_does_not_know_is_empty_and_its_latin_1_is_read(movielens):
    films = movielens.items

    assert films["created_at"].null_count() == 1
    assert films.filter(pl.col("category").is_null()).height == 2  # `unknown` is no genre
    assert films.filter(pl.col("title") == "Misérables, Les (1995)").height == 1


@real_data
def test_movietweetings_lands_whole_with_ids_as_texts(tmp_path):
    landing, events, _ = real("movietweetings", "movietweetings-100k", date(2013, 9, 1), tmp_path)

    assert (accepted(landing)["items"], accepted(landing)["events"], landing.rejected) == (10_506, 100_000, 0)
    assert (events["user_id"].n_unique(), events["item_id"].n_unique()) == (16_554, 10_506)
    assert events["item_id"].str.len_chars().unique().to_list() == [7]


@real_data
def test_complete_journey_lands_whole(tmp_path):
    landing, events, _ = real("complete_journey", "complete-journey", date(2018, 1, 1), tmp_path)

    assert (accepted(landing)["items"], accepted(landing)["events"], landing.rejected) == (92_331, 75_000, 0)
    assert (events["user_id"].n_unique(), events["item_id"].n_unique()) == (2_377, 20_902)
    assert events["session_id"].null_count() == 0


@real_data
def test_online_retail_lands_every_line_with_or_without_a_customer(online_retail):
    known = online_retail.events.filter(pl.col("user_id").is_not_null())

    assert (online_retail.landing.rejected, online_retail.events.height) == (0, 531_282)
    assert (known.height, known["user_id"].n_unique(), known["item_id"].n_unique()) == (397_924, 4_339, 3_665)
    assert known["user_id"].str.contains(r"^\d{5}$").all()
    assert online_retail.events["session_id"].null_count() == 0


@real_data
def test_the_last_line_of_an_item_of_online_retail_is_its_catalog_entry(online_retail):
    lines = pl.read_parquet(SHARED / "online-retail" / "online_retail.parquet")
    last = lines.filter(pl.col("StockCode") == "85123A").row(-1, named=True)

    light = online_retail.items.row(by_predicate=pl.col("item_id") == "85123A", named=True)

    assert light["title"] == last["Description"]
    assert (light["price_minor"], light["currency"]) == (round(last["UnitPrice"] * 100), "GBP")


@real_data
def test_the_catalog_of_online_retail_has_every_item_once_and_no_placeholder_as_title(online_retail):
    items = online_retail.items

    assert (items.height, items["item_id"].n_unique()) == (3_940, 3_940)
    assert items.filter(pl.col("title") == "Missing_Description").is_empty()
    assert items["title"].null_count() == 162  # as README.md says
