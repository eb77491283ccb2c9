"""Real data for the algorithms' tests: MovieLens 100k, split as its published numbers are."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from recsys_eval.metrics import evaluate
from recsys_pipelines.algorithm import FullScores, TrainingData
from recsys_pipelines.matrix import user_items

SHARED = Path(os.environ.get("RECSYS_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))


class Split(NamedTuple):
    """What is learned from, and ``quality(scores)``: MAP, NDCG, precision and recall at 10 on the other ratings."""

    data: TrainingData
    quality: Callable[[FullScores], dict[str, float]]


@pytest.fixture(scope="session")
def movielens() -> Split:
    """Per item, 75 % of the ratings in random order train (recommenders-team/recommenders, movielens.ipynb)."""
    path = SHARED / "movielens-100k" / "u.data"
    if not path.exists():
        pytest.skip(f"no MovieLens 100k in {SHARED}; set RECSYS_SHARED_DATA to the folder that holds the data sets")
    rows = pl.read_csv(path, separator="\t", has_header=False, new_columns=["user_id", "item_id", "weight", "ts"])
    ordered = rows.with_columns(draw=np.random.RandomState(42).rand(rows.height)).sort("item_id", "draw")
    trains = pl.int_range(pl.len()).over("item_id") < (0.75 * pl.len().over("item_id")).round(mode="half_to_even")
    named = ordered.with_columns(trains=trains).select(
        pl.col("user_id", "item_id").cast(pl.String),
        pl.col("weight").cast(pl.Float64),
        "trains",
        last_ts=pl.from_epoch("ts", "s").dt.replace_time_zone("UTC"),
        count=pl.lit(1),
    )
    catalog = named.select(pl.col("item_id").unique().sort())
    data = TrainingData(named.filter("trains").drop("trains"), catalog, now=datetime(1998, 4, 23, tzinfo=UTC))
    truth = named.filter(~pl.col("trains")).select("user_id", "item_id")
    return Split(data, lambda scores: _quality(scores, data, truth))


def _quality(scores: FullScores, data: TrainingData, truth: pl.DataFrame) -> dict[str, float]:
    """Ten unseen items for every user, ties by item id."""
    values = np.array(scores.block(0, len(scores.users)), np.float64)
    values[user_items(data).cells.nonzero()] = -np.inf
    best = np.argsort(-values, axis=1, kind="stable")[:, :10]
    recs = pl.DataFrame(
        {
            "user_id": scores.users.gather(np.repeat(np.arange(len(values)), 10)),
            "item_id": scores.items.gather(best.ravel()),
            "rank": np.tile(np.arange(1, 11), len(values)),
        }
    )
    return dict(evaluate(recs, truth, 10).summary)
