"""A tiny release, and a publisher of it that can be killed: what tests share with the processes that they start.

``python tests/publisher.py STORE FOLDER KIND BEST STEP`` publishes the release in which the item BEST is the most
popular, and kills itself after STEP. A release of the kind ``encoded`` can be loaded; one that is ``sketched`` has few
and small files, for tests that only look at the store.
"""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from data_contracts.generations import pointed
from data_contracts.manifest import Lineage, Window
from data_contracts.open import open_blobs
from recsys_algo.encode import Encoded, encode_catalog, encode_table, load_items
from recsys_pipelines.pointers import Place, moves
from recsys_pipelines.publish import Candidate, publish

NOW = datetime(2020, 3, 1, 2, tzinfo=UTC)  # long ago: nothing that a test writes is old enough to be swept
ITEMS = ("i-1", "i-2", "i-3", "i-4")
DOCUMENT = {
    "schema": "recsys.tenant/1",
    "tenant": "demo",
    "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events.csv"}]},
    "algorithms": {"popularity": {}, "cooccurrence": {}},
    "ranking": {"weights": {"popularity": 1.0, "cooccurrence": 1.0}, "exclude_seen": None},
    "surfaces": {"home": {}, "cart": {"k": 3}},
}


def document(tenant="demo", **changes):
    """The tenant document as bytes."""
    return json.dumps(DOCUMENT | {"tenant": tenant} | changes).encode()


def encoded(folder, best="i-1", available=True):
    """A catalog of four items, and two tables over it; ``best`` is the most popular."""
    catalog = encode_catalog({"item_id": ITEMS, "available": [available] * len(ITEMS)}, folder)
    items = load_items(folder)
    scores = [2.0 + place if item == best else 1.0 for place, item in enumerate(ITEMS)]
    popularity = {"segment": [""] * len(ITEMS), "item_id": ITEMS, "score": scores}
    pairs = {"item_id": ["i-1", "i-2"], "neighbor_id": ["i-2", "i-1"], "score": [0.5, 0.5]}
    return [
        catalog,
        encode_table("popularity", "popularity", "item_scores", popularity, items, folder),
        encode_table("cooccurrence", "cooccurrence", "item_neighbors", pairs, items, folder),
    ]


def sketched(folder, best="i-1"):
    """Two artifacts of one file each, which say no more than what they are for."""
    folder.mkdir(parents=True, exist_ok=True)
    catalog, popularity = folder / "items.npy", folder / "popularity.npy"
    np.save(catalog, np.arange(len(ITEMS)))
    np.save(popularity, np.array([ITEMS.index(best) + 2.0]))
    return [
        Encoded("items", "catalog", "catalog", len(ITEMS), (catalog,)),
        Encoded("popularity", "popularity", "item_scores", 1, (popularity,)),
    ]


KINDS = {"encoded": encoded, "sketched": sketched}


def candidate(folder, best="i-1", *, kind="encoded", end=NOW, **changes):
    """A candidate that may be published, its arrays in ``folder``."""
    facts = {
        "tenant": "demo",
        "surface": "home",
        "window": Window(end - timedelta(days=90), end),
        "document": document(changes.get("tenant", "demo")),
        "artifacts": KINDS[kind](Path(folder) / best / "served", best),
        "evaluated": KINDS[kind](Path(folder) / best / "evaluated", "i-4"),
        "lineage": Lineage(data_fingerprint="data", config_hash="config", dagster_run_id="run"),
        "decision": "promoted",
        "metrics": {"ndcg@10": 0.25},
    }
    return Candidate(**(facts | changes))


class Press:
    """A store, and what it takes to publish the tiny release there."""

    now = NOW
    document = staticmethod(document)

    def __init__(self, store, folder, kind):
        self.store = store
        self.blobs = store.open()
        self.folder = folder
        self.kind = kind

    def candidate(self, best="i-1", **changes):
        return candidate(self.folder / "arrays", best, kind=self.kind, **changes)

    def publish(self, candidate, **changes):
        """With the usual circumstances, but for the changes."""
        return publish(candidate, **({"blobs": self.blobs, "now": NOW, "by": "test", "keep": 3} | changes))

    def serve(self, best="i-1", **changes):
        """Publish the candidate in which that item is best."""
        return self.publish(self.candidate(best), **changes)

    def start(self, best, step="never"):
        """A publisher process that is killed after the step."""
        folder = self.folder / "other" / best
        command = [sys.executable, __file__, self.store.url, str(folder), self.kind, best, step]
        return subprocess.Popen(command, env=os.environ | self.store.environ, stderr=subprocess.PIPE)

    def kill(self, best, step):
        """Let a publisher process run until after the step, and no further."""
        with self.start(best, step) as process:
            _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, errors

    def state(self):
        """Everything in the store."""
        return {entry.key: self.blobs.read(entry.key) for entry in self.blobs.entries("")}

    def served(self):
        """The generation that the pointer names."""
        return pointed(self.blobs, "demo", "home").pointer.generation

    def moves(self):
        """From where to where the pointer went."""
        return [(move.from_generation, move.to_generation) for move in moves(Place(self.blobs, "demo", "home"))]


def main(url, folder, *release):
    """Publish, and die after that step."""
    kind, best, step = release

    def die(done):
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)

    publish(candidate(folder, best, kind=kind), open_blobs(url, os.environ), now=NOW, by="test", keep=3, after=die)


if __name__ == "__main__":
    main(*sys.argv[1:])
