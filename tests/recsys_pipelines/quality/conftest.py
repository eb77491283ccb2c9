"""A shop with a month of events, as files on disk, that fulfils every check; a test spoils it and looks what fails."""

import csv
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument, parse
from data_contracts.feedback_tables import EXPOSURES
from recsys_pipelines.contract import schema
from recsys_pipelines.ingest import land
from recsys_pipelines.lake import Lake
from recsys_pipelines.sources.source import Place
from recsys_pipelines.validation import validate
from recsys_pipelines.verdict import Verdict

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 30)
NOW = datetime(2026, 1, 31, 1, tzinfo=UTC)
DAYS = [FIRST + timedelta(days=n) for n in range(30)]
BUSY = range(8, 20)  # hours with ten views each
Row = dict[str, Any]


class Shop:
    """Ten items, ten users; every day 120 views, 4 clicks on recommendations, 4 purchases of one order each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = Lake(DirectoryBlobs(folder / "lake"))
        self.document = document()
        self.write("items.csv", ({"item_id": f"i{n}", "title": f"Item {n}"} for n in range(10)))
        self.write("users.csv", ({"user_id": f"u{n}"} for n in range(10)))
        self.write("orders.csv", (order for day in DAYS for order in orders_of(day)))
        for day in DAYS:
            self.write_day(day, events_of(day))
            self.show(day, exposures_of(day))

    def write(self, name: str, rows: Iterable[Row]) -> None:
        listed = list(rows)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(listed[0]))
            writer.writeheader()
            writer.writerows(listed)

    def write_day(self, day: date, rows: Iterable[Row], more: str = "") -> None:
        self.write(f"events/{day}{more}.csv", rows)

    def show(self, day: date, rows: Iterable[Row]) -> None:
        self.lake.write("exposures", "shop", day, pl.DataFrame(list(rows), schema=schema(EXPOSURES)))

    def land(self) -> None:
        land(self.document, Place("shop", self.folder, {}), self.lake, now=NOW)

    def validated(self, day: date = LAST, **checks: Any) -> Verdict:
        self.document = document(**checks)
        self.land()
        return validate(self.document, self.lake, day=day)


def document(**checks: Any) -> TenantDocument:
    files = {"items": "items.csv", "users": "users.csv", "orders": "orders.csv", "events": "events"}
    plain = {
        "schema": "recsys.tenant/1",
        "tenant": "shop",
        "sources": {table: [{"path": path}] for table, path in files.items()},
        "algorithms": {},
        "ranking": {},
        "surfaces": {"home": {}},
        "checks": {"volume": {"minimum_events": 20}} | checks,  # ten events are many here
    }
    return parse(json.dumps(plain).encode(), "test")


def events_of(day: date) -> list[Row]:
    """A day of events, ids in order."""
    views = [event(day, n, hour=hour) for n, hour in enumerate(hour for hour in BUSY for _ in range(10))]
    clicks = [event(day, 200 + n, hour=9, type="click", request_id=f"r-{day}-{n}") for n in range(4)]
    bought = [
        event(day, 300 + n, hour=12, type="purchase", order_id=f"o-{day}-{n}", amount_minor=500) for n in range(4)
    ]
    return [*views, *clicks, *bought]


def event(day: date, number: int, *, hour: int, **differs: Any) -> Row:
    row = {
        "event_id": f"{day}-{number}",
        "ts": f"{day}T{hour:02d}:{number % 60:02d}:00Z",
        "type": "view",
        "user_id": f"u{number % 10}",
        "item_id": f"i{number % 10}",
        "request_id": "",
        "order_id": "",
        "amount_minor": "",
        "meta": "",
    }
    return row | differs


def orders_of(day: date) -> list[Row]:
    """The books have the same four orders."""
    return [
        {"order_id": f"o-{day}-{n}", "ts": f"{day}T12:00:00Z", "total_minor": 500, "lines": 1, "cancelled": "false"}
        for n in range(4)
    ]


def exposures_of(day: date) -> list[Row]:
    """Four answers of three items; the first of each is what was clicked."""
    return [
        {"request_id": f"r-{day}-{n}", "item_id": f"i{(200 + n + rank - 1) % 10}", "rank": rank}
        for n in range(4)
        for rank in (1, 2, 3)
    ]


@pytest.fixture
def month(tmp_path: Path) -> Shop:
    return Shop(tmp_path)
