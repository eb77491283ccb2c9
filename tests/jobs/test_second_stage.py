"""Second stages through the daily job on the demo shop: learned, compared with the plain blend, served where chosen."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from data_contracts.generations import pointed, read_manifest
from data_contracts.open import open_blobs
from recsys_algo.loading import load
from recsys_algo.rank import recommend
from recsys_algo.situation import Query
from recsys_pipelines.decisions import latest
from recsys_pipelines.second_stage.learning import Lessons

pytestmark = pytest.mark.slow
DAY = date(2026, 1, 28)
AT = datetime(2026, 1, 29, tzinfo=UTC)
MODELS = {"home": "lambdamart", "cart": "weights"}


@pytest.fixture
def shop(installation):
    """Two surfaces with a second stage of each model, and one without."""
    folder = installation.copy_of("ecommerce_mini")
    tenant = folder.rename(folder.with_name("demo"))
    document = json.loads((tenant / "tenant.json").read_text())
    document["algorithms"] = {"popularity": {}, "cooccurrence": {}}
    document["ranking"]["weights"] = {"popularity": 1.0, "cooccurrence": 0.05}
    document["surfaces"] = {
        surface: {"second_stage": {"model": model, "chosen": "not_worse"}} for surface, model in MODELS.items()
    } | {"pdp": {}}
    (tenant / "tenant.json").write_text(json.dumps(document))
    return installation


def test_a_second_stage_is_served_exactly_where_it_was_chosen(shop):
    said = shop.json("run", "daily", "--tenant", "demo")

    assert said["status"] == "published", said["error"]
    store = open_blobs(str(shop.home / "store"), {})
    judgements = latest(shop.lake, "demo", DAY)
    choices = {each.surface: each.second_stage for each in judgements.surfaces}
    assert {surface: choice.model for surface, choice in choices.items() if choice} == MODELS
    for surface, choice in choices.items():
        served = {"second_stage." + surface} if choice and choice.chosen else set()
        manifest = read_manifest(store, "demo", surface, pointed(store, "demo", surface).pointer.generation)
        for artifacts in (manifest.artifacts, manifest.evaluation.artifacts):
            assert {artifact.name for artifact in artifacts if artifact.shape == "ranker"} == served
        report = (shop.home / "reports" / "demo" / DAY.isoformat() / surface / "report.md").read_text()
        assert choice is None or choice.reason in report

    # Popularity alone knows nobody, so whoever learns from outcomes is better than a document that believes in it.
    assert choices["cart"].chosen
    assert choices["cart"].learned["ndcg@10"] > choices["cart"].plain["ndcg@10"]
    bundle = load(store, "demo", "cart", shop.home / "cache").bundle
    lessons = shop.lake.read_json("second_stage", "demo", DAY, Lessons)
    served = next(each for each in lessons.taught if (each.surface, each.fit) == ("cart", "served"))
    answer = recommend(bundle, Query(k=5, now=AT, user_id="u230"))
    assert bundle.learned == served.weights
    assert answer.items[0].signals
    told = shop.json("explain", "--tenant", "demo", "--surface", "cart", "--user", "u230", "--at", AT.isoformat())
    assert (told["second_stage"], told["items"][0]["item_id"]) == ("weights", answer.items[0].item_id)

    # Whoever is forgotten taught nothing, and the surface keeps its second stage.
    person = shop.lake.window("events", "demo", AT - timedelta(days=1), AT)["user_id"].drop_nulls().sort()[0]
    assert shop.recsys("forget", "--tenant", "demo", "--user", person) == 0
    again = shop.lake.read_json("second_stage", "demo", DAY, Lessons)
    users = [
        next(e.users for e in each.taught if (e.surface, e.fit) == ("cart", "served")) for each in (lessons, again)
    ]
    manifest = read_manifest(store, "demo", "cart", pointed(store, "demo", "cart").pointer.generation)
    assert users[1] == users[0] - 1
    assert [artifact.name for artifact in manifest.artifacts if artifact.shape == "ranker"] == ["second_stage.cart"]
