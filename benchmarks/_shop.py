"""A shop for measuring the server: random lists of a realistic shape, published by the real publisher."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from data_contracts.directory import DirectoryBlobs
from data_contracts.manifest import Lineage, Window
from recsys_algo.encode import encode_catalog, encode_table, load_items
from recsys_pipelines.publish import Candidate, publish

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ITEMS, USERS, LISTED, NEIGHBORS, HISTORY = 10_000, 5_000, 1_000, 50, 20
SOLD_OUT_SHARE = 0.03
DOCUMENT = {
    "schema": "recsys.tenant/1",
    "tenant": "bench",
    "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events.csv"}]},
    "algorithms": {"popularity": {}, "cooccurrence": {}, "als": {}},
    "ranking": {"weights": {"popularity": 1.0, "cooccurrence": 2.0, "als": 3.0}},
    "surfaces": {"home": {}},
}


def publish_shop(home: Path) -> None:
    """A catalog of 10,000 items, lists for 5,000 users, neighbours for every item."""
    rng = np.random.default_rng(7)
    ids = [f"item-{number:05}" for number in range(ITEMS)]
    users = [f"user-{number:05}" for number in range(USERS)]
    folder = home / "arrays"
    catalog = {
        "item_id": ids,
        "brand": [f"brand-{number % 200}" for number in range(ITEMS)],
        "category": [f"category-{number % 40}" for number in range(ITEMS)],
        "price_minor": rng.integers(100, 50_000, ITEMS).tolist(),
        "currency": ["EUR"] * ITEMS,
        "available": (rng.random(ITEMS) > SOLD_OUT_SHARE).tolist(),
    }
    encoded = [encode_catalog(catalog, folder)]
    items = load_items(folder)

    def lists(owners: list[str], owner: str, other: str, length: int) -> dict[str, list[Any]]:
        chosen = rng.integers(0, ITEMS - 1, (len(owners), length))
        chosen = (chosen[:, :1] + np.arange(1, length + 1) * 7) % ITEMS
        scores = np.sort(rng.random((len(owners), length)))[:, ::-1]
        return {
            owner: [one for one in owners for _ in range(length)],
            other: [ids[place] for place in chosen.ravel()],
            "score": scores.ravel().tolist(),
        }

    neighbors = lists(ids, "item_id", "neighbor_id", NEIGHBORS)
    neighbors["neighbor_id"] = [
        ids[(number // NEIGHBORS + number % NEIGHBORS + 1) % ITEMS] for number in range(ITEMS * NEIGHBORS)
    ]
    popular = {"segment": [""] * LISTED, "item_id": ids[:LISTED], "score": np.linspace(1, 0, LISTED).tolist()}
    seen = lists(users, "user_id", "item_id", 5)
    seen["score"] = [NOW.timestamp() // 86_400 - 3] * len(seen["score"])
    encoded += [
        encode_table("popularity", "popularity", "item_scores", popular, items, folder),
        encode_table("cooccurrence", "cooccurrence", "item_neighbors", neighbors, items, folder),
        encode_table("als", "als", "user_items", lists(users, "user_id", "item_id", 200), items, folder),
        encode_table("history", "history", "user_items", lists(users, "user_id", "item_id", HISTORY), items, folder),
        encode_table("seen.purchase", "seen", "user_items", seen, items, folder),
    ]
    candidate = Candidate(
        tenant="bench",
        surface="home",
        window=Window(NOW - timedelta(days=90), NOW),
        document=json.dumps(DOCUMENT).encode(),
        artifacts=encoded,
        evaluated=[],
        lineage=Lineage(data_fingerprint="bench", config_hash="bench"),
        decision="promoted",
    )
    publish(candidate, DirectoryBlobs(home / "store"), now=NOW, by="bench", keep=3)
