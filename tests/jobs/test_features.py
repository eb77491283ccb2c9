"""Features and embeddings through the daily job on the demo shop: what a model, a report or another system finds."""

from datetime import date

import polars as pl
import pytest

from data_contracts.feature_tables import EMBEDDINGS, ITEM_FEATURES, USER_FEATURES
from recsys_pipelines.contract import schema
from recsys_pipelines.embeddings.index import read_index

pytestmark = pytest.mark.slow
DAY = date(2026, 1, 28)


@pytest.fixture
def shop(installation):
    assert installation.published("ecommerce_mini")["status"] == "published"
    return installation


def test_the_daily_job_leaves_features_and_embeddings_and_a_second_run_the_same_bytes(shop):
    tables = ("lake/user_features", "lake/item_features", "lake/embeddings", "lake/embedding_index")
    before = shop.files(*tables)
    lake = shop.lake
    users = lake.read("user_features", "demo", DAY, part="served")
    items = lake.read("item_features", "demo", DAY, part="served")
    index = read_index(lake, "demo")

    assert users.schema == schema(USER_FEATURES)
    assert items.schema == schema(ITEM_FEATURES)
    assert index.schema == schema(EMBEDDINGS)
    assert index["item_id"].to_list() == lake.read("items", "demo", DAY)["item_id"].sort().to_list()

    events = lake.scan("events", "demo", lake.days("events", "demo")).collect()
    assert items["events_90d"].sum() == events.filter(pl.col("item_id").is_in(items["item_id"].implode())).height
    vectors = lake.read("models_served", "demo", DAY, part="als").filter(entity="user")
    assert sorted(users["embedding"].drop_nulls()) == sorted(f"als/user/{user}" for user in vectors["id"])

    assert (shop.home / "reports" / "demo" / DAY.isoformat() / "embeddings.html").is_file()
    shop.json("run", "daily", "--tenant", "demo")
    assert shop.files(*tables) == before
