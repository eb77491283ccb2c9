from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from implicit.als import AlternatingLeastSquares
from polars.testing import assert_frame_equal
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms.als import Als

NOW = datetime(2026, 1, 29, tzinfo=UTC)
USERS, ITEMS = 60, 40


def cells(seed=3):
    """A random matrix of weights in which every user and every item has something."""
    rng = np.random.default_rng(seed)
    weights = rng.random((USERS, ITEMS)) * (rng.random((USERS, ITEMS)) < 0.2)
    weights[np.arange(USERS), np.arange(USERS) % ITEMS] = 1.0
    return weights


def data(weights, seed=0, age_days=0):
    """The matrix as training data; user and item numbers are their ids."""
    interactions = pl.DataFrame(
        [
            (f"u{user:03d}", f"i{item:03d}", float(weights[user, item]), NOW - timedelta(days=age_days), 1)
            for user, item in np.argwhere(weights)
        ],
        schema=["user_id", "item_id", "weight", "last_ts", "count"],
        orient="row",
    )
    catalog = pl.DataFrame({"item_id": [f"i{item:03d}" for item in range(ITEMS)]})
    return TrainingData(interactions, catalog, now=NOW, seed=seed)


def matrix(table, entity):
    """The vectors of the items or the users, as rows in the order of their ids."""
    return np.array(table.filter(entity=entity).sort("id")["vector"].to_list())


def test_it_equals_a_plain_call_of_implicit():
    weights = cells()
    with threadpool_limits(1, user_api="blas"):
        peer = AlternatingLeastSquares(
            factors=8, regularization=0.1, alpha=1.0, iterations=5, num_threads=1, random_state=7
        )
        peer.fit(sparse.csr_matrix(np.where(weights > 0, 1 + 20 * weights, 0)), show_progress=False)

    table = Als(factors=8, regularization=0.1, alpha=20.0, iterations=5).fit(data(weights, seed=7))

    assert matrix(table, "user").tolist() == peer.user_factors.tolist()
    assert matrix(table, "item").tolist() == peer.item_factors.tolist()


def test_the_item_vectors_solve_the_equations_of_the_paper():
    """Hu, Koren & Volinsky (2008), equation 4 with users and items exchanged: (X'CX + regularization) y = X'C p."""
    weights = cells()

    table = Als(factors=6, regularization=0.5, alpha=4.0, iterations=100).fit(data(weights))

    users = matrix(table, "user")
    for item, vector in enumerate(matrix(table, "item")):
        preference, confidence = weights[:, item] > 0, 1 + 4.0 * weights[:, item]
        left = users.T @ (confidence[:, None] * users) + 0.5 * np.eye(6)
        assert np.linalg.solve(left, users.T @ (confidence * preference)) == pytest.approx(vector, abs=1e-4)


def test_the_number_of_threads_does_not_change_a_bit():
    one, two = (Als(factors=16, threads=threads).fit(data(cells())) for threads in (1, 2))

    assert_frame_equal(one, two, check_exact=True)


def test_another_seed_starts_elsewhere():
    one, two = (Als(factors=4, iterations=1).fit(data(cells(), seed=seed)) for seed in (1, 2))

    assert not one.equals(two)


def test_every_vector_has_the_same_length():
    table = Als(factors=5).fit(data(cells()))

    assert table["vector"].list.len().unique().to_list() == [5]
    assert table.group_by("entity", maintain_order=True).len().rows() == [("item", ITEMS), ("user", USERS)]


def test_an_item_without_interactions_has_no_vector():
    weights = cells()
    weights[:, 5] = 0

    table = Als(factors=4).fit(data(weights))

    assert "i005" not in table["id"]
    assert table.filter(entity="item").height == ITEMS - 1


def test_a_half_life_later_the_confidence_is_half_as_much_above_one():
    """alpha x weight / 2 after one half-life, so twice the alpha gives the same vectors."""
    old = Als(factors=4, alpha=8.0, half_life_days=10.0).fit(data(cells(), age_days=10))

    fresh = Als(factors=4, alpha=4.0).fit(data(cells()))

    assert_frame_equal(old, fresh, check_exact=True)


def test_it_goes_on_from_the_last_run():
    """Three iterations and two more are five, to the last bit."""
    begun = Als(factors=4, iterations=3).fit(data(cells()))

    went_on = Als(factors=4, warm_iterations=2).fit(replace(data(cells()), previous=begun))

    assert_frame_equal(went_on, Als(factors=4, iterations=5).fit(data(cells())), check_exact=True)
