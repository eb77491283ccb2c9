from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import numpy as np
import polars as pl
import pytest
from implicit.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys_pipelines.algorithm import FullScores, TrainingData
from recsys_pipelines.algorithms.ials import Ials

NOW = datetime(2026, 1, 29, tzinfo=UTC)
USERS, ITEMS = 50, 30


def cells(seed=3):
    """A random matrix of weights in which every user and every item has something."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 5, (USERS, ITEMS)) * (rng.random((USERS, ITEMS)) < 0.2)
    weights[np.arange(USERS), np.arange(USERS) % ITEMS] = 1
    return weights.astype(float)


def data(weights, seed=0):
    """The matrix as training data; user and item numbers are their ids."""
    interactions = pl.DataFrame(
        [(f"u{u:03d}", f"i{i:03d}", float(weights[u, i]), NOW, 1) for u, i in np.argwhere(weights)],
        schema=["user_id", "item_id", "weight", "last_ts", "count"],
        orient="row",
    )
    return TrainingData(
        interactions, pl.DataFrame({"item_id": [f"i{i:03d}" for i in range(ITEMS)]}), now=NOW, seed=seed
    )


def matrix(table, entity):
    """The vectors of the items or the users, as rows in the order of their ids."""
    return np.array(table.filter(entity=entity).sort("id")["vector"].to_list())


def loss(settings, weights, table):
    """The paper's: over the pairs that interacted, over all pairs, and of the vectors' lengths."""
    users, items, had = matrix(table, "user"), matrix(table, "item"), weights > 0
    scores = users @ items.T
    by_user = (had.sum(axis=1) + settings.unobserved * ITEMS) ** settings.scaling
    by_item = (had.sum(axis=0) + settings.unobserved * USERS) ** settings.scaling
    lengths = by_user @ (users**2).sum(axis=1) + by_item @ (items**2).sum(axis=1)
    return ((1 - scores)[had] ** 2).sum() + settings.unobserved * (scores**2).sum() + settings.regularization * lengths


@pytest.mark.parametrize("scaling", [0.0, 0.5, 1.0])
def test_the_item_vectors_minimize_the_loss_for_the_user_vectors(scaling):
    settings = Ials(factors=6, scaling=scaling, regularization=0.05, unobserved=0.1, iterations=3)
    weights = cells()

    table = settings.fit(data(weights))

    users, had = matrix(table, "user"), weights > 0
    for item, vector in enumerate(matrix(table, "item")):
        near = users[had[:, item]]
        ridge = 0.05 * (len(near) + 0.1 * USERS) ** scaling
        left = near.T @ near + 0.1 * users.T @ users + ridge * np.eye(6)
        assert np.linalg.solve(left, near.sum(axis=0)) == pytest.approx(vector, abs=1e-5)


def test_a_weight_counts_a_pair_that_often_if_wanted():
    weights = cells()

    table = Ials(factors=6, weighted=True, regularization=0.05, unobserved=0.1, iterations=3).fit(data(weights))

    users = matrix(table, "user")
    for item, vector in enumerate(matrix(table, "item")):
        often = weights[:, item]
        ridge = 0.05 * (often.sum() + 0.1 * USERS)
        left = users.T @ (often[:, None] * users) + 0.1 * users.T @ users + ridge * np.eye(6)
        assert np.linalg.solve(left, users.T @ often) == pytest.approx(vector, abs=1e-5)


def test_the_loss_never_increases():
    weights = cells()
    settings = [Ials(factors=6, iterations=iterations) for iterations in range(1, 13)]

    losses = np.array([loss(each, weights, each.fit(data(weights))) for each in settings])

    assert (np.diff(losses) < 1e-6).all()
    assert losses[-1] < 0.9 * losses[0]


def test_without_scaling_the_half_step_is_that_of_implicit():
    """Theirs fits 1 with confidence 1 + c, ours 1 with c and 0 with 1: the same vectors but for (1 + c) / c."""
    weights, often = cells(), 4.0
    table = Ials(factors=6, scaling=0.0, unobserved=1.0, regularization=0.7, weighted=True).fit(
        data(np.where(weights > 0, often, 0))
    )
    with threadpool_limits(1, user_api="blas"):
        peer = AlternatingLeastSquares(factors=6, regularization=0.7, alpha=1.0, num_threads=1)
        peer.user_factors = matrix(table, "user").astype(np.float32)
        confidence = sparse.csr_matrix(np.where(weights.T > 0, 1 + often, 0).astype(np.float32))
        theirs = peer.recalculate_item(np.arange(ITEMS), confidence)

    ours = matrix(table, "item") * (1 + often) / often

    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_it_goes_on_from_the_last_run():
    """Two and two iterations are four, but for the rounding of the vectors between them."""
    weights = cells()
    begun = Ials(factors=6, iterations=2).fit(data(weights))

    went_on = Ials(factors=6, warm_iterations=2).fit(replace(data(weights), previous=begun))

    at_once = Ials(factors=6, iterations=4).fit(data(weights))
    np.testing.assert_allclose(matrix(went_on, "item"), matrix(at_once, "item"), atol=1e-4)


def test_a_half_life_without_weights_is_refused():
    with pytest.raises(msgspec.ValidationError, match="half_life_days has no effect unless weighted"):
        msgspec.convert({"half_life_days": 3.0}, Ials)


@pytest.mark.slow
def test_movielens_is_ranked_better_than_the_best_published_row(movielens):
    """BiVAE's NDCG@10 is .468673 (recommenders-team/recommenders, movielens.ipynb)."""
    learned = Ials().learned(movielens.data)

    found = movielens.quality(
        FullScores(learned.matrix.users, learned.matrix.items, lambda _, end: learned.users[:end] @ learned.items.T)
    )

    assert found["ndcg@10"] > 0.48
