import logging
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import Ridge

from recsys_pipelines.algorithm import InvalidTrainingData, TrainingData
from recsys_pipelines.algorithms.ease import Ease
from recsys_pipelines.algorithms.sparse_ease import SparseEase

NOW = datetime(2026, 1, 29, tzinfo=UTC)


def data(weights):
    """The matrix as training data; user and item numbers are their ids."""
    interactions = pl.DataFrame(
        [(f"u{u:03d}", f"i{i:03d}", float(weights[u, i]), NOW, 1) for u, i in np.argwhere(weights)],
        schema=["user_id", "item_id", "weight", "last_ts", "count"],
        orient="row",
    )
    return TrainingData(
        interactions, pl.DataFrame({"item_id": [f"i{i:03d}" for i in range(weights.shape[1])]}), now=NOW
    )


def weights_of(table, items):
    """The table as a matrix."""
    found = np.zeros((items, items))
    for item, neighbor, score in table.iter_rows():
        found[int(item[1:]), int(neighbor[1:])] = score
    return found


def some(users=80, items=30, seed=0):
    """A random matrix of ratings."""
    rng = np.random.default_rng(seed)
    return rng.integers(1, 6, (users, items)) * (rng.random((users, items)) < 0.3)


def regressions(x, l2):
    """Every column predicted from the others by scikit-learn."""
    found = np.zeros((x.shape[1], x.shape[1]))
    for item in range(x.shape[1]):
        others = np.arange(x.shape[1]) != item
        found[others, item] = Ridge(alpha=l2, fit_intercept=False).fit(x[:, others], x[:, item]).coef_
    return found


def test_two_items_by_hand():
    """Ann has both, bob the first: from the first to the second 1 / (2 + l2), back 1 / (1 + l2)."""
    table = Ease(l2=1.0).fit(data(np.array([[1, 1], [1, 0]])))

    assert table.select("item_id", "neighbor_id").rows() == [("i000", "i001"), ("i001", "i000")]
    assert table["score"].to_list() == pytest.approx([1 / 3, 1 / 2], rel=1e-6)


def test_it_is_a_ridge_regression_for_every_item():
    table = Ease(l2=5.0, neighbors=None).fit(data(some()))

    np.testing.assert_allclose(weights_of(table, 30), regressions((some() > 0).astype(float), 5.0), atol=1e-5)


def test_weights_count_if_wanted():
    table = Ease(l2=50.0, neighbors=None, weighted=True).fit(data(some()))

    np.testing.assert_allclose(weights_of(table, 30), regressions(some().astype(float), 50.0), atol=1e-5)


def test_the_scores_are_what_the_users_had_times_all_weights():
    had = (some() > 0).astype(float)

    scores = Ease(l2=5.0, neighbors=2).scores(data(some()))

    np.testing.assert_allclose(scores.block(10, 25), (had @ regressions(had, 5.0))[10:25], atol=1e-4)
    assert scores.users[10:12].to_list() == ["u010", "u011"]
    assert scores.items.to_list() == [f"i{number:03d}" for number in range(30)]


def test_the_heaviest_are_served_also_negative_ones_and_the_best_come_first():
    every = regressions((some() > 0).astype(float), 5.0)

    table = Ease(l2=5.0, neighbors=6).fit(data(some()))

    for number in range(30):
        rows = table.filter(item_id=f"i{number:03d}")
        expected = sorted(np.argsort(-abs(every[number]))[:6], key=lambda other: -every[number, other])
        assert rows["neighbor_id"].to_list() == [f"i{other:03d}" for other in expected]
    assert (table["score"] < 0).any()


def test_a_catalog_beyond_the_budget_is_left_to_sparse_ease_and_told(caplog):
    had = data(some(users=10, items=600))

    with caplog.at_level(logging.WARNING):
        table = Ease(l2=3.0, neighbors=5, memory_budget_mb=1).fit(had)

    assert table.equals(SparseEase(l2=3.0, neighbors=5).fit(had))
    assert "587 items need 3 MB, more than memory_budget_mb 1: sparse_ease is fitted instead" in caplog.text


def test_a_ridge_that_does_not_help_is_refused():
    twins = np.ones((4, 2), int)

    with pytest.raises(InvalidTrainingData, match="l2 1e-300 is too small for these weights"):
        Ease(l2=1e-300).fit(data(twins))


def test_without_interactions_there_are_no_scores():
    scores = Ease().scores(data(np.zeros((2, 3))))

    assert scores.block(0, 0).shape == (0, 0)


@pytest.mark.slow
def test_movielens_gives_the_known_numbers(movielens):
    """Binary, l2 = 400: NDCG .4855, precision .4224, recall .2302, MAP .1505, by an independent implementation."""
    found = movielens.quality(Ease(l2=400.0).scores(movielens.data))

    assert found["ndcg@10"] == pytest.approx(0.4855, abs=5e-5)
    assert found["precision@10"] == pytest.approx(0.4224, abs=5e-5)
    assert found["recall@10"] == pytest.approx(0.2302, abs=5e-5)
    assert found["map@10"] == pytest.approx(0.1505, abs=5e-5)
