"""The ALS stage (interactions in, table of vectors out) over a bare `implicit` fit of the same matrix.

The stage encodes ids, builds the matrix and makes the table besides; aim: a ratio of at most 1.10 at a million events.
Both are fitted in turns, `ROUNDS` times; the ratio is the median of the rounds'. BLAS has one thread in both.
"""

import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from implicit.als import AlternatingLeastSquares  # type: ignore[import-untyped]  # no stubs
from scipy import sparse  # type: ignore[import-untyped]  # no stubs
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no stubs

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms.als import Als
from recsys_pipelines.matrix import user_items

ROUNDS = 5
SIZES = ((100_000, 2_000, 2_000), (1_000_000, 20_000, 10_000))  # events, users, items
NOW = datetime(2026, 1, 29, tzinfo=UTC)
STAGE = Als(factors=64, iterations=15)


class Cost(NamedTuple):
    """Of one call."""

    wall_s: float
    cpu_s: float


def main() -> int:
    """Print a line per size."""
    print(
        f"{'events':>10}{'pairs':>10}{'bare s':>10}{'stage s':>10}{'ratio':>8}{'CPU ratio':>11}   ratios of the rounds"
    )
    for events, users, items in SIZES:
        data = synthetic(events, users, items)
        confidence = matrix(data)
        rounds = [(cost(partial(bare, confidence)), cost(partial(STAGE.fit, data))) for _ in range(ROUNDS)]
        walls = [stage.wall_s / raw.wall_s for raw, stage in rounds]
        cpus = [stage.cpu_s / raw.cpu_s for raw, stage in rounds]
        raw_s, stage_s = (statistics.median(pair[place].wall_s for pair in rounds) for place in (0, 1))
        print(
            f"{events:10}{data.interactions.height:10}{raw_s:10.2f}{stage_s:10.2f}{statistics.median(walls):8.2f}"
            f"{statistics.median(cpus):11.2f}   {', '.join(f'{ratio:.2f}' for ratio in walls)}"
        )
    return 0


def synthetic(events: int, users: int, items: int) -> TrainingData:
    """Popularity by a power law, activity log-normal; interactions as the pipeline writes them, by user and item."""
    rng = np.random.default_rng(0)
    popularity = 1 / np.arange(1, items + 1) ** 0.8
    activity = rng.lognormal(size=users)
    rows = pl.DataFrame(
        {
            "user_id": rng.choice(users, events, p=activity / activity.sum()),
            "item_id": rng.choice(items, events, p=popularity / popularity.sum()),
            "weight": rng.random(events),
        }
    )
    pairs = rows.group_by("user_id", "item_id").agg(pl.col("weight").sum(), count=pl.len())
    named = pairs.with_columns(
        user_id=pl.format("user-{}", pl.col("user_id").cast(pl.String).str.zfill(7)),
        item_id=pl.format("item-{}", pl.col("item_id").cast(pl.String).str.zfill(7)),
        last_ts=pl.lit(NOW),
    )
    catalog = named.select("item_id").unique().sort("item_id")
    return TrainingData(named.sort("user_id", "item_id"), catalog, now=NOW)


def matrix(data: TrainingData) -> Any:
    """What the stage hands to implicit."""
    cells = user_items(data).cells
    believed = (1 + STAGE.alpha * cells.data).astype(np.float32)
    return sparse.csr_matrix((believed, cells.indices, cells.indptr), shape=cells.shape)


def bare(confidence: Any) -> None:
    """The floor: implicit alone."""
    with threadpool_limits(1, user_api="blas"):
        model = AlternatingLeastSquares(
            factors=STAGE.factors, regularization=STAGE.regularization, iterations=STAGE.iterations, random_state=0
        )
        model.fit(confidence, show_progress=False)


def cost(call: Callable[[], object]) -> Cost:
    """Wall and processor seconds of one call."""
    wall, cpu = perf_counter(), process_time()
    call()
    return Cost(perf_counter() - wall, process_time() - cpu)


if __name__ == "__main__":
    sys.exit(main())
