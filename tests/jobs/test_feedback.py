"""Feedback in the daily job: what servers landed becomes tables, gauges and a page, beside the release."""

import json
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from data_contracts.records import EXPOSURE_SCHEMA, Event, EventMeta, ExposedItem, Exposure
from recsys_pipelines.feedback.joins import day_facts

pytestmark = pytest.mark.slow
DAY = date(2026, 1, 28)
NOON = datetime(2026, 1, 28, 12, tzinfo=UTC)


def land(installation, kind, *records):
    folder = installation.home / "landing" / kind / "tenant=demo" / f"date={DAY}"
    folder.mkdir(parents=True)
    lines = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in records]
    (folder / "segment.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))


def test_the_daily_job_credits_what_servers_landed_and_publishes_the_numbers(installation):
    folder = installation.copy_of("ecommerce_mini")
    document = json.loads((folder / "tenant.json").read_text())
    document["sources"]["events"].append({"server_log": {}})
    (folder / "tenant.json").write_text(json.dumps(document))
    shown = tuple(ExposedItem(item_id=f"i{n:03}", rank=n, score=1 / n, source="als") for n in (1, 2, 3, 4))
    answer = Exposure(
        schema=EXPOSURE_SCHEMA,
        ts=NOON,
        request_id="r1",
        tenant="demo",
        surface="home",
        endpoint="recommend",
        manifest_generation=1,
        algo_version="1",
        items=shown,
    )
    named = EventMeta(request_id="r1", surface="home")
    later = NOON + timedelta(minutes=1)
    land(installation, "exposures", answer, b"half a li")
    land(
        installation,
        "events",
        Event(event_id="s1", ts=later, type="click", user_id="u0001", item_id="i002", meta=named),
        Event(event_id="s2", ts=later, type="purchase", user_id="u0001", item_id="i002", amount_minor=990),
    )

    report = installation.json("run", "daily", "--tenant", "demo", "--to", str(DAY))

    assert report["status"] == "published", report["error"]
    lake = installation.lake
    rows = {row["event_id"]: row for row in lake.read("attributions", "demo", DAY).to_dicts()}
    assert [(rows[name]["method"], rows[name]["rank"]) for name in ("s1", "s2")] == [("request", 2), ("touch", 2)]
    gauges = (installation.home / "reports" / "demo" / "business.prom").read_text()
    assert 'recsys_business_ctr{surface="home",tenant="demo"} 0.25' in gauges
    assert 'recsys_business_revenue_minor{surface="home",tenant="demo"} 990.0' in gauges
    joins = day_facts(lake, "demo", DAY)
    assert joins.joined == 1  # the example's own events name answers that nobody logged
    assert f'recsys_join_share{{tenant="demo"}} {joins.join_share}' in gauges
    page = (installation.home / "reports" / "demo" / str(DAY) / "feedback.html").read_text()
    assert page.count("<svg") == 3
    assert "9.90 EUR" in page
    (dead,) = (installation.home / "landing" / "dead" / "tenant=demo" / "source=exposures").iterdir()
    assert "not an exposure" in dead.read_text()
