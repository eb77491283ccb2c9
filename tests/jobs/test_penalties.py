"""A tenant whose surface lets returns count: from the events that tell of them to what is served."""

import csv
import json
from collections import Counter
from datetime import date

import pytest

from data_contracts.generations import pointed, read_manifest
from data_contracts.open import open_blobs

pytestmark = pytest.mark.slow
DAY = date(2026, 1, 28)
CUT = "2026-01-22"  # where the test days begin


@pytest.fixture
def shop(installation):
    """The example shop, where returns count fully on the home page, and not at all in the cart."""
    folder = installation.copy_of("ecommerce_mini")
    document = json.loads((folder / "tenant.json").read_text())
    document["algorithms"] = {"popularity": {}}
    document["ranking"] = {"weights": {"popularity": 1.0}, "exclude_seen": None}
    document["surfaces"] = {"home": {"penalties": {"returns": 1.0}}, "cart": {}}
    document["sources"]["events"].append({"path": "returns.jsonl"})
    document["returns"] = {}
    (folder / "tenant.json").write_text(json.dumps(document))
    return installation


def most_sold(folder):
    """The item of most purchases, and those of known people before the test days."""
    with (folder / "events.csv").open() as file:
        sold = [row for row in csv.DictReader(file) if row["type"] == "purchase"]
    counts = Counter(row["item_id"] for row in sold)
    item = min(counts, key=lambda id: (-counts[id], id))
    return item, [row for row in sold if row["item_id"] == item and row["user_id"] and row["ts"] < CUT]


def tell(folder, purchases):
    """An event for each of them that it came back."""
    told = [
        {"event_id": f"back-{row['event_id']}", "type": "custom", "meta": {"kind": "return"}}
        | {name: row[name] for name in ("ts", "user_id", "item_id")}
        for row in purchases
    ]
    (folder / "returns.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))


def test_an_item_that_comes_back_loses_what_the_surface_says(shop):
    folder = shop.tenants / "ecommerce_mini"
    item, purchases = most_sold(folder)
    tell(folder, purchases)

    said = shop.json("run", "daily", "--tenant", "demo")

    assert said["status"] == "published", said["error"]
    store = open_blobs(str(shop.home / "store"), {})
    manifest = read_manifest(store, "demo", "home", pointed(store, "demo", "home").pointer.generation)
    for artifacts in (manifest.artifacts, manifest.evaluation.artifacts):
        assert [artifact.rows for artifact in artifacts if artifact.shape == "penalties"] == [1]
    asked = ("explain", "--tenant", "demo", "--user", "nobody", "--item", item, "--surface")
    home, cart = (shop.json(*asked, surface)["why_not"] for surface in ("home", "cart"))
    counted = shop.lake.read("bad_outcomes_served", "demo", DAY).filter(item_id=item)
    bad, outcomes = counted["bad"].sum(), counted["outcomes"].sum()
    rate = (bad + 2 - 2 * (1 + bad * (outcomes - bad) / outcomes) ** 0.5) / (outcomes + 4)
    assert bad == len(purchases) > 2
    assert home["score"] == pytest.approx(cart["score"] * (1 - rate), abs=2e-6)

    page = (shop.home / "reports" / "demo" / str(DAY) / "feedback.html").read_text()
    assert f"<td>{item}</td><td>purchases</td><td>{outcomes}</td><td>{bad}</td>" in page

    # Whoever is forgotten bought nothing, so nothing of theirs came back.
    assert shop.recsys("forget", "--tenant", "demo", "--user", purchases[0]["user_id"]) == 0
    left = shop.lake.read("bad_outcomes_served", "demo", DAY).filter(item_id=item)
    theirs = sum(row["user_id"] == purchases[0]["user_id"] for row in purchases)
    assert left["bad"].sum() == bad - theirs
