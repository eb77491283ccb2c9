"""What a second stage costs per request: the same users with and without 100 trees over 200 candidates, in turns.

CPU time of this thread, one BLAS thread. The trees are grown on random numbers; only their shape matters here.
"""

import statistics
import tempfile
import time
from pathlib import Path

import lightgbm
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks._shop import NOW, publish_shop
from data_contracts.directory import DirectoryBlobs
from recsys_algo.bundle import Bundle
from recsys_algo.loading import load
from recsys_algo.rank import recommend
from recsys_algo.ranker import Ranker, feature_names, ranker_arrays
from recsys_algo.situation import Query
from recsys_pipelines.second_stage.lambdamart import nodes_of

ROUNDS, REQUESTS, K = 7, 300, 20
SOURCES = ("als", "cooccurrence", "popularity")
TREES, LEAVES = 100, 15


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as home, threadpool_limits(1):
        publish_shop(Path(home))
        loaded = load(DirectoryBlobs(Path(home) / "store"), "bench", "home", Path(home) / "cache")
        assert loaded is not None  # no tag was given
        plain = loaded.bundle
        reordered = Bundle(**{name: getattr(plain, name) for name in plain.__dataclass_fields__} | {"ranker": ranker()})
        costs = [(cost_us(plain), cost_us(reordered)) for _ in range(ROUNDS)]
    without, with_trees = (statistics.median(each) for each in zip(*costs, strict=True))
    ratio = statistics.median(b / a for a, b in costs)
    print(
        f"k={K}: {without:.0f} us plain, {with_trees:.0f} us with {TREES} trees over 200 candidates; ratio {ratio:.2f}"
    )


def ranker() -> Ranker:
    """Trees over all features."""
    rng = np.random.default_rng(1)
    names = feature_names(SOURCES)
    matrix = rng.random((20_000, len(names)))
    labels = (matrix.sum(axis=1) + rng.normal(size=len(matrix)) > len(names) / 2 + 1).astype(int)
    data = lightgbm.Dataset(matrix, labels, group=[200] * 100)
    booster = lightgbm.train({"objective": "lambdarank", "num_leaves": LEAVES, "verbosity": -1}, data, TREES)
    return Ranker.of(ranker_arrays(SOURCES, nodes_of(booster, names).to_dict(as_series=False)))


def cost_us(bundle: Bundle) -> float:
    """The median CPU time of a request."""
    taken = []
    for number in range(REQUESTS):
        asked = Query(k=K, now=NOW, user_id=f"user-{number:05}")
        started = time.thread_time_ns()
        recommend(bundle, asked)
        taken.append((time.thread_time_ns() - started) / 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
