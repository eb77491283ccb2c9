"""Other people's shapes to ours: the documents of examples/adapters on real files, compared row by row."""

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument, parse
from recsys_pipelines.ingest import land, settle
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import read_ledger, rejected
from recsys_pipelines.sources.source import Place

EXAMPLES = Path(__file__).parents[2] / "examples" / "adapters"
NOW = datetime(2026, 2, 1, tzinfo=UTC)
UNTIL = date(2026, 1, 31)
FIRST = date(2026, 1, 1)
TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
SECONDS = 1_767_261_600  # that, as an epoch


class Adapter:
    """A tenant's folder, landed and settled."""

    def __init__(self, folder: Path, document: TenantDocument) -> None:
        self.tenant = document.tenant
        self.lake_folder = folder.parent / "lake"
        self.lake = Lake(DirectoryBlobs(self.lake_folder))
        land(document, Place(self.tenant, folder, {}), self.lake, now=NOW)
        settle(document, self.lake, until=UNTIL)

    def rows(self, table: str, *columns: str, day: date = UNTIL) -> list[tuple]:
        assert not rejected(self.lake, self.tenant).height
        return self.lake.read(table, self.tenant, day).select(columns).rows()

    def holds(self, text: str) -> bool:
        """Whether the lake says it anywhere, in a table or in a record."""
        frames = [pl.read_parquet(path) for path in self.lake_folder.rglob("*.parquet")]
        records = [path.read_text() for path in self.lake_folder.rglob("*.json")]
        return any(text in said for said in [*(frame.write_json() for frame in frames), *records])


@pytest.fixture
def adapted(tmp_path):
    def run(example: str) -> Adapter:
        folder = Path(shutil.copytree(EXAMPLES / example, tmp_path / "sources"))
        return Adapter(folder, parse((folder / "tenant.json").read_bytes(), example))

    return run


def at(hour: int, minute: int, second: int = 0, *, milliseconds: int = 0, day: int = 1) -> datetime:
    return datetime(2026, 1, day, hour, minute, second, milliseconds * 1000, tzinfo=UTC)


def test_camel_case_events_with_and_without_a_product(adapted):
    events = adapted("camel_case").rows("events", "ts", "type", "user_id", "session_id", "item_id", day=FIRST)

    assert events == [
        (TEN, "view", "u1", "s1", "p1"),
        (at(10, 1), "add", "u1", "s1", "p1"),
        (at(10, 2), "custom", "u1", "s1", None),
        (at(10, 2, milliseconds=500), "purchase", "u1", "s1", "p2"),
    ]


def test_what_a_camel_case_event_says_in_its_meta_is_in_columns(adapted):
    events = adapted("camel_case").rows(
        "events", "surface", "request_id", "rank", "order_id", "amount_minor", day=FIRST
    )

    assert events == [
        ("home", "r1", 2, None, None),
        ("pdp", None, None, None, None),
        (None, None, None, "o1", 3499),
        (None, None, None, "o1", 2500),
    ]


def test_an_event_without_an_id_has_the_same_one_each_time_it_is_delivered(adapted, tmp_path):
    shop = adapted("camel_case")
    folder = tmp_path / "sources"
    document = json.loads((folder / "tenant.json").read_text())
    document["sources"]["events"][0]["path"] = "events*.jsonl"
    shutil.copy(folder / "events.jsonl", folder / "events-again.jsonl")

    again = Adapter(folder, parse(json.dumps(document).encode(), "again"))

    assert len(again.rows("events", "event_id", day=FIRST)) == len(shop.rows("events", "event_id", day=FIRST)) == 4


def test_products_with_tags_and_attributes(adapted):
    items = adapted("camel_case").rows(
        "items", "item_id", "title", "category", "brand", "price_minor", "currency", "tags", "updated_at"
    )

    assert items == [
        (
            "p1",
            "Mug",
            "Kitchen",
            "Acme",
            999,
            "EUR",
            ["brand:acme", "category:kitchen", "color:black", "gift", "new"],
            at(8, 0),
        ),
        ("p2", "Shirt", "Clothes", None, 2500, "EUR", ["category:clothes", "color:red", "size:xl"], at(8, 30)),
    ]


def test_of_users_the_lake_holds_neither_name_nor_address(adapted):
    shop = adapted("camel_case")
    ((user, segment, traits, created),) = shop.rows("users", "user_id", "segment", "traits", "created_at")

    learned = {"preferred_categories": "Clothes|Kitchen"}
    assert (user, segment, json.loads(traits)) == ("u1", "gold", {"tier": "gold", "locale": "de"} | learned)
    assert created == datetime(2025, 12, 24, tzinfo=UTC)
    assert [said for said in ("ann@example.com", "Ann Example") if shop.holds(said)] == []
    assert shop.holds("gold")


def test_watched_and_rated_videos_from_one_stream(adapted):
    shop = adapted("domain_events")

    assert shop.rows("events", "event_id", "type", "item_id", "value", day=FIRST) == [
        ("b", "custom", "v1", 4.0),
        ("c", "custom", "v1", 4.5),
    ]
    assert shop.rows("events", "event_id", "ts", "type", "value", day=date(2026, 1, 2)) == [
        ("a", at(1, 30, day=2), "view", 0.75)
    ]


def test_orders_and_their_lines_are_purchases_at_the_time_of_the_order(adapted):
    shop = adapted("orders")
    columns = ("event_id", "ts", "type", "user_id", "item_id", "value", "amount_minor", "order_id")

    assert shop.rows("events", *columns, day=FIRST) == [
        ("o1-p1", at(9, 0), "purchase", "u1", "p1", 2.0, 1998, "o1"),
        ("o1-p2", at(9, 0), "purchase", "u1", "p2", 1.0, 2500, "o1"),
        ("o3-p1", at(23, 30), "purchase", "u2", "p1", 1.0, 999, "o3"),
    ]


def test_orders_are_kept_to_reconcile_with(adapted):
    orders = adapted("orders").rows("orders", "order_id", "ts", "user_id", "total_minor", "cancelled")

    assert orders == [
        ("o1", at(9, 0), "u1", 4498, False),
        ("o2", at(10, 0), "u2", 2500, True),
        ("o3", at(23, 30), "u2", 999, False),
    ]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
@pytest.mark.parametrize(
    ("said", "how"),
    [
        pytest.param(SECONDS, "s", id="epoch seconds"),
        pytest.param(SECONDS * 1000, "ms", id="epoch milliseconds"),
        pytest.param(SECONDS * 1_000_000, "us", id="epoch microseconds"),
        pytest.param("2026-01-01T10:00:00Z", "iso", id="UTC"),
        pytest.param("2026-01-01T15:30:00+05:30", "iso", id="an offset of half an hour"),
        pytest.param("2025-12-31T23:00:00.000-1100", "iso", id="an offset without a colon, the day before"),
        pytest.param("2026-01-01 10:00:00", "iso", id="no offset"),
    ],
)
def test_a_time_in_any_spelling_is_the_same_instant(tmp_path, said, how, suffix):
    assert one_event(tmp_path, suffix, said, 0, how).rows("events", "ts", day=FIRST) == [(TEN,)]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
@pytest.mark.parametrize(
    ("said", "expected"),
    [(0, "view"), (1, "click"), (2, "add"), (3, "purchase"), (4, "custom"), ("Purchase", "purchase"), ("cart", "add")],
)
def test_a_type_is_accepted_by_number_and_by_name(tmp_path, said, expected, suffix):
    assert one_event(tmp_path, suffix, SECONDS, said, "s").rows("events", "type", day=FIRST) == [(expected,)]


def test_a_type_that_does_not_exist_is_rejected_with_what_was_said(tmp_path):
    shop = one_event(tmp_path, "jsonl", SECONDS, 5, "s")

    assert rejected(shop.lake, "one")["value"].to_list() == ["5"]


def test_a_replay_keeps_the_times_of_its_events(adapted):
    """Historical rows that arrive today are filed under the day on which they happened."""
    shop = adapted("domain_events")

    (landed_at,) = {file.landed_at for file in read_ledger(shop.lake, "domain").files}
    assert landed_at == NOW
    assert shop.lake.days("events", "domain") == [FIRST, date(2026, 1, 2)]


def one_event(folder: Path, suffix: str, ts: object, type: object, time: str) -> Adapter:
    """A tenant with one event, whose time and type are spelled like that."""
    sources = folder / "sources"
    sources.mkdir()
    rows = pl.DataFrame({"event_id": ["e"], "ts": [ts], "type": [type], "user_id": ["u"], "item_id": ["i"]})
    rows.write_ndjson(sources / "events.jsonl") if suffix == "jsonl" else rows.write_csv(sources / "events.csv")
    (sources / "items.csv").write_text("item_id\ni\n")
    document = {
        "schema": "recsys.tenant/1",
        "tenant": "one",
        "sources": {
            "items": [{"path": "items.csv"}],
            "events": [{"path": f"events.{suffix}", "fields": {"ts": {"column": "ts", "time": time}}}],
        },
        "algorithms": {},
        "ranking": {},
        "surfaces": {"home": {}},
    }
    return Adapter(sources, parse(json.dumps(document).encode(), "one"))
