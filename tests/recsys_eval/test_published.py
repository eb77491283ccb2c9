"""Published numbers on MovieLens 100k, item-stratified 75/25, k = 10 (recommenders-team/recommenders).

They were produced by other people with other code. The data may not be redistributed, so the tests skip without it.
"""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys_eval.metrics import Metrics, evaluate

SHARED = Path(os.environ.get("RECSYS_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
RATINGS = SHARED / "movielens-100k" / "u.data"
HALF_LIFE_S = 30 * 86_400

pytestmark = pytest.mark.skipif(not RATINGS.exists(), reason=f"MovieLens 100k is not at {SHARED} (RECSYS_SHARED_DATA)")


@pytest.fixture(scope="module")
def split() -> tuple[pl.DataFrame, pl.DataFrame]:
    """75 % of each item's rows for training, chosen by numpy's legacy generator as the notebook does."""
    names = ["user", "item", "rating", "ts"]
    ratings = pl.read_csv(RATINGS, separator="\t", has_header=False, new_columns=names)
    np.random.seed(42)
    ordered = ratings.with_columns(r=np.random.rand(ratings.height)).sort("item", "r")
    place = pl.int_range(pl.len()).over("item")
    train = place < (pl.len().over("item") * 0.75).round(mode="half_to_even")
    return ordered.filter(train), ordered.filter(~train)


def matrix(train: pl.DataFrame, values: pl.Series) -> np.ndarray:
    filled = np.zeros((944, 1683))
    filled[train["user"].to_numpy(), train["item"].to_numpy()] = values.to_numpy()
    return filled


def measured(scores: np.ndarray, train: pl.DataFrame, test: pl.DataFrame) -> Metrics:
    scores = np.where(matrix(train, train["rating"]) > 0, -np.inf, scores)[:, 1:]
    best = np.argsort(-scores, axis=1, kind="stable")[:, :10] + 1
    users = test["user"].unique().sort().to_numpy()
    recs = pl.DataFrame(
        {"user_id": np.repeat(users, 10), "item_id": best[users].ravel(), "rank": np.tile(np.arange(1, 11), len(users))}
    )
    ids = [pl.col(name).cast(pl.String) for name in ("user_id", "item_id")]
    return evaluate(recs.with_columns(ids), test.select(user_id="user", item_id="item").with_columns(ids), 10)


def test_the_split_has_the_published_size(split):
    train, test = split

    assert (train.height, test.height) == (75_066, 24_934)


def test_most_popular_reaches_the_published_row(split):
    train, test = split
    popularity = (matrix(train, train["rating"]) > 0).sum(axis=0)

    summary = measured(np.tile(popularity, (944, 1)).astype(float), train, test).summary

    published = {"map@10": 0.055959, "ndcg@10": 0.252353, "precision@10": 0.228738, "recall@10": 0.113188}
    assert {name: summary[name] for name in published} == pytest.approx(
        published, abs=1e-4
    )  # ties are in another order


def test_sar_reaches_the_published_row_to_six_digits(split):
    train, test = split
    seen = (matrix(train, train["rating"]) > 0).astype(float)
    together = seen.T @ seen
    own = np.diag(together)
    similarity = together / np.maximum(own[:, None] + own[None, :] - together, 1)
    age = train["ts"].max() - train["ts"]
    affinity = matrix(train, train["rating"] * (0.5 ** (age / HALF_LIFE_S)))

    summary = measured(affinity @ similarity, train, test).summary

    published = {"map@10": 0.114038, "ndcg@10": 0.393819, "precision@10": 0.340615, "recall@10": 0.185377}
    assert {name: round(summary[name], 6) for name in published} == published
