"""The 50 nearest items of every item by cosine, over the same by `implicit`'s ``CosineRecommender``.

Both start from the same matrix of users and items, with as many threads as there are cores: once of ones, which is our
default, and once of weights. The last column is our whole stage, from a frame of interactions with ids as text to a
table of neighbours, over the bare peer. Aim: a ratio of at most 0.85 at one and at ten million events. All run in
turns, `ROUNDS` times; the ratios are the medians of the rounds'. That both find the same scores is checked.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from implicit.nearest_neighbours import CosineRecommender  # type: ignore[import-untyped]  # no stubs
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms.cooccurrence import Cooccurrence
from recsys_pipelines.matrix import user_items
from recsys_pipelines.similarity import Pairs
from recsys_pipelines.synthetic import write_shop

ROUNDS = 5
SIZES = {1_000_000: (20_000, 10_000), 10_000_000: (200_000, 50_000)}  # events: users, items
K = 50
NOW = datetime(2026, 1, 29, tzinfo=UTC)


class Cost(NamedTuple):
    """Of one call."""

    wall_s: float
    cpu_s: float


def main() -> int:
    """Print two lines per size; how many of them found other scores than the peer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="*", default=list(SIZES), choices=list(SIZES))
    print(
        f"{'events':>10}{'pairs':>10}{'cells':>9}{'peer s':>8}{'ours s':>8}{'ratio':>7}{'CPU':>6}{'stage':>7}   rounds"
    )
    differing = 0
    for events in parser.parse_args().events:
        data = synthetic(events, *SIZES[events])
        differing += sum(shown(data, events, weighted) for weighted in (False, True))
    return differing


def shown(data: TrainingData, events: int, weighted: bool) -> int:
    """One line; whether other scores were found."""
    settings = Cooccurrence(neighbors=K, shrinkage=0.0, min_support=1, weighted=weighted)
    cells = user_items(data).cells
    given = sparse.csr_matrix(
        (cells.data if weighted else np.ones_like(cells.data), cells.indices, cells.indptr), shape=cells.shape
    )
    calls: tuple[Callable[[], Any], ...] = (
        partial(peer, given),
        partial(settings.pairs, cells),
        partial(settings.fit, data),
    )
    differs = not same(peer(given), settings.pairs(cells))
    rounds = [[cost(call) for call in calls] for _ in range(ROUNDS)]
    walls = [ours.wall_s / theirs.wall_s for theirs, ours, _ in rounds]
    cpu = statistics.median(ours.cpu_s / theirs.cpu_s for theirs, ours, _ in rounds)
    stage = statistics.median(whole.wall_s / theirs.wall_s for theirs, _, whole in rounds)
    theirs_s, ours_s = (statistics.median(each[place].wall_s for each in rounds) for place in (0, 1))
    print(
        f"{events:10}{cells.nnz:10}{'weights' if weighted else 'ones':>9}{theirs_s:8.2f}{ours_s:8.2f}"
        f"{statistics.median(walls):7.2f}{cpu:6.2f}{stage:7.2f}   {', '.join(f'{ratio:.2f}' for ratio in walls)}"
        f"{'   OTHER SCORES THAN THE PEER' if differs else ''}",
        flush=True,
    )
    return int(differs)


def synthetic(events: int, users: int, items: int) -> TrainingData:
    """Interactions of a shop with clusters of taste; a weight is the number of events, and the square root of it."""
    with tempfile.TemporaryDirectory() as folder:
        write_shop(Path(folder), events=events, users=users, items=items)
        days = pl.scan_parquet(Path(folder) / "events" / "*.parquet")
        person = pl.coalesce("user_id", "anonymous_id").alias("user_id")
        pairs = days.group_by(person, "item_id").agg(count=pl.len()).sort("user_id", "item_id").collect()
    interactions = pairs.with_columns(weight=pl.col("count").cast(pl.Float64).sqrt(), last_ts=pl.lit(NOW))
    return TrainingData(interactions, pairs.select(pl.col("item_id").unique().sort()), now=NOW)


def peer(cells: Any) -> Any:
    """The floor; it has the item itself among its neighbours, so it finds one less."""
    model = CosineRecommender(K=K)
    model.fit(cells, show_progress=False)
    return model.similarity


def same(theirs: Any, ours: Pairs) -> bool:
    """Whether the scores are the same but for rounding; of equal ones the peer keeps any."""
    places = np.repeat(np.arange(theirs.shape[0]), np.diff(theirs.indptr))
    others = places != theirs.indices
    found = np.zeros((2, theirs.shape[0], K + 1))
    for number, (items, scores) in enumerate([(places[others], theirs.data[others]), (ours.rows, ours.scores)]):
        order = np.lexsort((-scores, items))
        rows = items[order]
        found[number, rows, np.arange(len(rows)) - np.searchsorted(rows, rows)] = scores[order]
    return bool(np.abs(found[0] - found[1])[:, : K - 1].max() < 1e-9)


def cost(call: Callable[[], object]) -> Cost:
    """Wall and processor seconds of one call."""
    wall, cpu = perf_counter(), process_time()
    call()
    return Cost(perf_counter() - wall, process_time() - cpu)


if __name__ == "__main__":
    sys.exit(main())
