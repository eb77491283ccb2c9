import json
import os
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from data_contracts.documents import Interactions, parse
from recsys_pipelines.aggregates import Aggregates
from recsys_pipelines.ingest import settle
from recsys_pipelines.ledger import read_ledger
from recsys_pipelines.privacy.retention import retain
from recsys_pipelines.workshop import Workshop

TODAY = datetime.now(UTC).date()
AGES = (3, 20, 50)  # days; events are kept for 30
EVENTS = {"path": "events.csv"}
LOG = {"server_log": {}}


def day(age):
    return TODAY - timedelta(days=age)


def document(**retention):
    return {
        "schema": "recsys.tenant/1",
        "tenant": "demo",
        "sources": {"items": [{"path": "items.csv"}], "events": [EVENTS, LOG]},
        "algorithms": {"popularity": {}},
        "ranking": {},
        "surfaces": {"home": {}},
        "first_day": "2025-01-01",
        "privacy": {"retention": {"events_days": 30, "exposures_days": 10, "landing_days": 10} | retention},
    }


def event(name, age):
    return {"event_id": name, "ts": f"{day(age)}T10:00:00Z", "type": "view", "user_id": "ann", "item_id": "a"}


@pytest.fixture
def shop(tmp_path):
    """Events of three ages from a file and from a server, one broken row, exposures, reports and an access log."""
    folder = tmp_path / "tenants" / "demo"
    folder.mkdir(parents=True)
    (folder / "tenant.json").write_text(json.dumps(document()))
    (folder / "items.csv").write_text("item_id\na\n")
    rows = [event(f"e{age}", age) for age in AGES] + [event("bad", 3) | {"type": "hover"}]
    pl.DataFrame(rows).write_csv(folder / "events.csv")
    made = Workshop({"RECSYS_HOME": str(tmp_path / "home"), "RECSYS_TENANTS": str(tmp_path / "tenants")})
    for age in AGES:
        line = json.dumps(event(f"s{age}", age)) + "\n"
        made.landing.create(f"events/tenant=demo/date={day(age)}/a.jsonl", line.encode())
        made.landing.create(f"exposures/tenant=demo/date={day(age)}/a.jsonl", b"{}\n")
        report = made.report_folder("demo", day(age * 10).isoformat())
        report.mkdir(parents=True)
        (report / "report.md").write_text("report")
    log = tmp_path / "home" / "logs" / "access.log"
    log.parent.mkdir()
    log.write_text("{}")
    old = (datetime.now(UTC) - timedelta(days=100)).timestamp()
    os.utime(log, (old, old))
    land(made)
    return made


def land(shop, *, full=False):
    landing = shop.land("demo", full=full)
    settle(shop.tenant("demo").document, shop.lake, until=TODAY)
    return landing


def everything(shop):
    return {path: path.read_bytes() for path in shop.locations.home.rglob("*") if path.is_file()}


def ids(shop):
    days = shop.lake.days("events", "demo")
    return sorted(shop.lake.scan("events", "demo", days).collect()["event_id"]) if days else []


def test_each_store_lets_go_of_what_is_older_than_its_own_window(shop):
    let = retain(shop, "demo")

    assert {store.store: store.keys for store in let.stores} == {
        "lake": 3,  # a day of events and its two staged parts
        "landing (logs and dead letters)": 2,
        "landing (files emptied)": 2,
        "reports": 1,
        "access logs": 1,
    }
    assert ids(shop) == ["e20", "e3", "s20", "s3"]
    assert [entry.key for entry in shop.landing.entries("exposures/")] == [
        f"exposures/tenant=demo/date={day(3)}/a.jsonl"
    ]
    assert not (shop.locations.home / "logs" / "access.log").exists()
    assert [path.name for path in sorted((shop.locations.reports / "demo").glob("*/report.md"))] == ["report.md"] * 2


def test_a_dry_run_says_the_same_and_deletes_nothing(shop):
    before = everything(shop)

    dry = retain(shop, "demo", dry_run=True)
    after = everything(shop)
    real = retain(shop, "demo")

    assert after == before
    assert dry.stores == real.stores


def test_a_second_time_there_is_nothing_left_to_do(shop):
    retain(shop, "demo")

    assert retain(shop, "demo").stores == ()


def test_old_days_do_not_come_back_with_the_next_ingest_nor_with_a_full_one(shop):
    retain(shop, "demo")

    land(shop)
    incremental = ids(shop)
    land(shop, full=True)

    assert incremental == ids(shop) == ["e20", "e3", "s20", "s3"]


def test_rows_of_an_emptied_file_stay_in_the_lake_for_as_long_as_events_do(shop):
    retain(shop, "demo")

    landed = shop.landing.read(f"events/tenant=demo/date={day(20)}/a.jsonl")

    assert landed == b""
    assert "s20" in ids(shop)


def test_a_new_file_with_old_events_brings_only_those_of_days_that_are_kept(shop):
    retain(shop, "demo")
    file = shop.tenant("demo").folder / "events.csv"
    rows = [event(name, age) for name, age in (("new", 5), ("late", 29), ("old", 31))]
    pl.DataFrame(rows).write_csv(file)

    land(shop)

    assert ids(shop) == ["late", "new", "s20", "s3"]


def test_without_a_run_of_retention_old_data_is_welcome(shop):
    assert ids(shop) == ["e20", "e3", "e50", "s20", "s3", "s50"]


def test_the_newest_catalog_stays_however_old_it_is(shop):
    settle(shop.tenant("demo").document, shop.lake, until=day(40))
    shop.lake.write("models_served", "demo", day(35), pl.DataFrame({"item_id": ["a"]}))
    shop.lake.write("models_served", "demo", day(36), pl.DataFrame({"item_id": ["a"]}))

    retain(shop, "demo")

    assert shop.lake.days("items", "demo") == [TODAY]
    assert shop.lake.days("models_served", "demo") == [day(35)]


def test_rejected_rows_go_when_their_time_is_over(shop):
    folder = shop.tenant("demo").folder
    body = document(rejected_days=1)
    parse(json.dumps(body).encode(), "test")
    (folder / "tenant.json").write_text(json.dumps(body))
    ledger, tag = shop.lake.read_tagged_json("ledger", "demo", None, type(read_ledger(shop.lake, "demo")))
    old = datetime.now(UTC) - timedelta(days=3)
    files = tuple(type(file)(**{**fields(file), "landed_at": old}) for file in ledger.files)
    shop.lake.swap_json("ledger", "demo", None, type(ledger)(files=files), tag=tag)

    retain(shop, "demo")

    assert list(shop.lake.parts("rejected", "demo")) == []
    assert list(shop.lake.parts("refused_events", "demo")) == []
    assert sum(file.rejected for file in read_ledger(shop.lake, "demo").files) == 0


def fields(record):
    return {name: getattr(record, name) for name in record.__struct_fields__}


def test_the_customers_own_files_are_never_touched(shop):
    folder = shop.tenant("demo").folder
    before = {path: path.read_bytes() for path in folder.iterdir()}

    retain(shop, "demo")

    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_aggregated_days_go_with_their_events_also_the_newest(shop):
    days = Aggregates(shop.lake, "demo", Interactions(), pl.DataFrame({"item_id": ["a"], "category": ["x"]}))
    list(days.fresh(day(age) for age in AGES))
    tight = json.loads((shop.tenant("demo").folder / "tenant.json").read_text())
    tight["privacy"]["retention"]["events_days"] = 1
    (shop.tenant("demo").folder / "tenant.json").write_text(json.dumps(tight))

    retain(shop, "demo")

    assert shop.lake.days("events", "demo") == []
    assert list(shop.lake.parts("day_pairs", "demo")) == []
