import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import parse
from data_contracts.tables import EVENTS, ITEMS, USERS
from recsys_pipelines.catalog.changes import record_changes
from recsys_pipelines.contract import schema
from recsys_pipelines.features.building import build_item_features, build_user_features
from recsys_pipelines.identity import Entry, say
from recsys_pipelines.lake import Lake
from recsys_pipelines.training import FITS, weigh

DAY = date(2026, 1, 31)
DOCUMENT = parse(
    json.dumps(
        {
            "schema": "recsys.tenant/1",
            "tenant": "shop",
            "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events"}]},
            "algorithms": {"factors": {"algorithm": "als"}, "popularity": {}},
            "ranking": {},
            "surfaces": {"home": {}},
            "features": {"windows_days": [28, 7, 7]},
        }
    ).encode(),
    "test",
)


def rows(table, **columns):
    given = pl.DataFrame(columns)
    return given.with_columns(pl.lit(None).alias(name) for name in table.names if name not in columns).select(
        pl.col(name).cast(kind) for name, kind in schema(table).items()
    )


class Shop:
    """A lake of one tenant, day by day."""

    def __init__(self, folder):
        self.folder = folder
        self.lake = Lake(DirectoryBlobs(folder))

    def happen(self, day, *events):
        """(type, user, anonymous id, item), at noon of the day."""
        kinds, users, devices, items = zip(*events, strict=True)
        noon = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=12)
        ids = [f"{day}-{number}" for number in range(len(events))]
        found = {"event_id": ids, "ts": [noon] * len(ids), "type": kinds, "user_id": users, "anonymous_id": devices}
        self.lake.write("events", "shop", day, rows(EVENTS, **found, item_id=items))

    def stock(self, day, **prices):
        state = {"available": [True] * len(prices), "archived": [False] * len(prices)}
        self.lake.write(
            "items", "shop", day, rows(ITEMS, item_id=list(prices), price_minor=list(prices.values()), **state)
        )
        record_changes(self.lake, "shop", day)

    def run(self, day):
        """What the daily job does for the features of a day."""
        self.lake.write("users", "shop", day, rows(USERS, user_id=["ann"], segment=["vip"]))
        for fit in FITS:
            weigh(DOCUMENT, self.lake, day, fit)
            build_user_features(DOCUMENT, self.lake, day, fit)
            build_item_features(DOCUMENT, self.lake, day, fit)

    def files(self, day):
        paths = [self.folder / f"{table}/tenant=shop/date={day}" for table in ("user_features", "item_features")]
        return {str(path): path.read_bytes() for folder in paths for path in sorted(folder.glob("*.parquet"))}

    def users(self, fit="served", day=DAY):
        return {row["user_id"]: row for row in self.lake.read("user_features", "shop", day, part=fit).to_dicts()}

    def items(self, fit="served", day=DAY):
        return {row["item_id"]: row for row in self.lake.read("item_features", "shop", day, part=fit).to_dicts()}


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path)
    shop.stock(DAY - timedelta(days=20), a=100, b=50)
    shop.happen(DAY - timedelta(days=15), ("purchase", "ann", None, "a"), ("view", "bob", None, "b"))
    shop.happen(DAY - timedelta(days=2), ("purchase", "ann", None, "a"), ("view", None, "phone", "b"))
    shop.stock(DAY - timedelta(days=5), a=120, b=50)
    shop.stock(DAY, a=120, b=50, c=10)
    return shop


def test_each_fit_has_a_table_of_its_own_as_of_its_own_instant(shop):
    shop.run(DAY)

    midnight = datetime(2026, 2, 1, tzinfo=UTC)
    assert {row["as_of"] for row in shop.users("served").values()} == {midnight}
    assert {row["as_of"] for row in shop.items("evaluated").values()} == {midnight - timedelta(days=7)}
    assert {user: row["events_28d"] for user, row in shop.users("served").items()} == {"ann": 2, "bob": 1, "phone": 1}
    assert {user: row["events_28d"] for user, row in shop.users("evaluated").items()} == {"ann": 1, "bob": 1}


def test_money_counts_at_the_price_of_the_day(shop):
    shop.run(DAY)

    ann = shop.users()["ann"]
    assert (ann["monetary_minor_28d"], ann["monetary_minor_7d"]) == (100 + 120, 120)


def test_the_catalog_is_that_of_the_instant(shop):
    shop.run(DAY)

    assert shop.items("served")["a"]["price_minor"] == 120
    assert shop.items("evaluated")["a"]["price_minor"] == 100


def test_who_has_interactions_has_a_vector_to_point_at(shop):
    shop.run(DAY)

    assert shop.users("evaluated")["ann"]["embedding"] == "factors/user/ann"
    assert shop.users("served")["phone"]["embedding"] == "factors/user/phone"


def test_segments_are_those_of_the_users_table(shop):
    shop.run(DAY)

    assert {user: row["segment"] for user, row in shop.users().items()} == {"ann": "vip", "bob": None, "phone": None}


def test_a_past_day_made_again_today_has_the_same_bytes(shop):
    shop.run(DAY)
    then = shop.files(DAY)
    later = DAY + timedelta(days=3)
    shop.happen(later, ("purchase", "ann", "phone", "b"), ("view", "new", None, "c"))
    shop.stock(later, a=999, b=1)
    shop.run(later)

    shop.run(DAY)

    assert len(then) == 4
    assert shop.files(DAY) == then


def test_what_people_say_about_who_is_who_counts_at_once(shop):
    shop.run(DAY)
    at = datetime(2026, 2, 5, tzinfo=UTC)
    say(
        shop.lake,
        "shop",
        Entry(anonymous_id="phone", user_id="bob", action="link", at=at, by="eve", reason="a letter"),
    )

    shop.run(DAY)

    assert {user: row["views_28d"] for user, row in shop.users().items()} == {"ann": 0, "bob": 2}


def test_without_any_artifact_of_vectors_nobody_has_one(shop):
    document = parse(DOCUMENT_WITHOUT_VECTORS, "test")
    shop.run(DAY)

    table = build_user_features(document, shop.lake, DAY, "served")

    assert table["embedding"].to_list() == [None] * 3


DOCUMENT_WITHOUT_VECTORS = json.dumps(
    {
        "schema": "recsys.tenant/1",
        "tenant": "shop",
        "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events"}]},
        "algorithms": {"popularity": {}},
        "ranking": {},
        "surfaces": {"home": {}},
    }
).encode()
