from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms.ease import Ease
from recsys_pipelines.algorithms.sparse_ease import SparseEase

NOW = datetime(2026, 1, 29, tzinfo=UTC)
ITEMS = 40


def data(share, seed=0):
    """A random matrix as training data, and its ones and zeros."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 6, (150, ITEMS)) * (rng.random((150, ITEMS)) < share)
    interactions = pl.DataFrame(
        [(f"u{u:03d}", f"i{i:03d}", float(weights[u, i]), NOW, 1) for u, i in np.argwhere(weights)],
        schema=["user_id", "item_id", "weight", "last_ts", "count"],
        orient="row",
    )
    catalog = pl.DataFrame({"item_id": [f"i{i:03d}" for i in range(ITEMS)]})
    return TrainingData(interactions, catalog, now=NOW), weights


@pytest.mark.parametrize("weighted", [False, True], ids=["ones", "weights"])
def test_with_all_candidates_it_is_ease(weighted):
    had, _ = data(share=0.5)  # every two items have a user in common

    sparse = SparseEase(l2=20.0, candidates=ITEMS, neighbors=None, weighted=weighted).fit(had)

    dense = Ease(l2=20.0, neighbors=None, weighted=weighted).fit(had)
    keys = ["item_id", "neighbor_id"]
    assert_frame_equal(sparse.sort(keys), dense.sort(keys), abs_tol=1e-5)


def test_an_item_is_predicted_from_those_with_the_highest_cosine():
    had, weights = data(share=0.15)
    x = (weights > 0).astype(float)
    together = x.T @ x
    cosine = together / np.sqrt(np.outer(together.diagonal(), together.diagonal()))
    np.fill_diagonal(cosine, 0)

    table = SparseEase(l2=3.0, candidates=7, neighbors=None).fit(had)

    for item in range(ITEMS):
        chosen = np.argsort(-cosine[:, item], kind="stable")[:7]
        expected = np.linalg.solve(together[np.ix_(chosen, chosen)] + 3.0 * np.eye(7), together[chosen, item])
        found = dict(table.filter(neighbor_id=f"i{item:03d}").select("item_id", "score").iter_rows())
        assert found == pytest.approx(
            {f"i{other:03d}": score for other, score in zip(chosen, expected, strict=True)}, rel=1e-9
        )


def test_the_scores_are_what_the_users_had_times_all_weights():
    had, _ = data(share=0.5)

    scores = SparseEase(l2=20.0, candidates=ITEMS, neighbors=1).scores(had)

    dense = Ease(l2=20.0).scores(had)
    np.testing.assert_allclose(scores.block(3, 90), dense.block(3, 90), atol=1e-4)


@pytest.mark.slow
def test_movielens_keeps_almost_all_of_ease(movielens):
    """A plain NumPy version of the same choice of candidates gives NDCG .4821, EASE .4855."""
    found = movielens.quality(SparseEase().scores(movielens.data))

    assert found["ndcg@10"] == pytest.approx(0.4821, abs=5e-4)
