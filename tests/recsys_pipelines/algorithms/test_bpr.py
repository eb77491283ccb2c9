from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from implicit.bpr import BayesianPersonalizedRanking
from scipy import sparse

from recsys_pipelines.algorithm import FullScores, TrainingData
from recsys_pipelines.algorithms.bpr import Bpr

NOW = datetime(2026, 1, 29, tzinfo=UTC)
USERS, ITEMS = 80, 60


def taste(seed=0):
    """Two groups of users, each with its half of the items, of which each user had about a third."""
    rng = np.random.default_rng(seed)
    same = (np.arange(USERS)[:, None] % 2) == (np.arange(ITEMS)[None, :] % 2)
    return same, same & (rng.random((USERS, ITEMS)) < 0.35)


def data(had, seed=0):
    """The matrix as training data; user and item numbers are their ids."""
    interactions = pl.DataFrame(
        [(f"u{u:03d}", f"i{i:03d}", 1.0, NOW, 1) for u, i in np.argwhere(had)],
        schema=["user_id", "item_id", "weight", "last_ts", "count"],
        orient="row",
    )
    return TrainingData(
        interactions, pl.DataFrame({"item_id": [f"i{i:03d}" for i in range(ITEMS)]}), now=NOW, seed=seed
    )


def matrix(table, entity):
    """The vectors of the items or the users, as rows in the order of their ids."""
    return np.array(table.filter(entity=entity).sort("id")["vector"].to_list())


def above(scores, better, worse):
    """The share of a user's pairs of a better and a worse item that are in the right order, over all users: AUC."""
    rows = zip(scores, better, worse, strict=True)
    return np.mean([(row[good][:, None] > row[bad][None, :]).mean() for row, good, bad in rows])


def test_it_ranks_what_a_user_would_like_above_the_rest():
    same, had = taste()

    table = Bpr(factors=8, learning_rate=0.05, iterations=60).fit(data(had))

    scores = matrix(table, "user") @ matrix(table, "item").T
    assert above(scores, had, ~had) > 0.8
    assert above(scores, same & ~had, ~same) > 0.95


def test_it_ranks_as_well_as_a_plain_call_of_implicit():
    same, had = taste()
    peer = BayesianPersonalizedRanking(factors=8, learning_rate=0.05, iterations=60, num_threads=1, random_state=3)
    peer.fit(sparse.csr_matrix(had.astype(np.float32)), show_progress=False)

    table = Bpr(factors=8, learning_rate=0.05, iterations=60).fit(data(had))

    ours, theirs = matrix(table, "user") @ matrix(table, "item").T, peer.user_factors @ peer.item_factors.T
    assert above(ours, same & ~had, ~same) == pytest.approx(above(theirs, same & ~had, ~same), abs=0.03)


def test_the_bias_is_the_last_number_and_the_user_has_one_for_it():
    _, had = taste()
    had[:, 0] = True  # the item that everybody has

    table = Bpr(factors=8, learning_rate=0.05, iterations=60).fit(data(had))

    assert (matrix(table, "user")[:, -1] == 1).all()
    assert matrix(table, "item").shape == (ITEMS, 9)
    assert matrix(table, "item")[:, -1].argmax() == 0


def test_every_draw_is_a_step_of_the_papers_formula():
    """Plain Python over the same draws: pairs, eight times an iteration and in order, then other items; what the user
    had is passed over.
    """
    _, had = taste()
    settings = Bpr(factors=4, iterations=2, learning_rate=0.1, regularization=0.02)
    rng = np.random.default_rng(7)
    users, items = (rng.normal(0, 0.1, (rows, 5)) for rows in had.shape)
    users[:, -1], items[:, -1] = 1, 0
    owners, columns = np.nonzero(had)
    most = -(-len(owners) // 8)
    turns = [min(most, 2 * len(owners) - begun) for begun in range(0, 2 * len(owners), most)]
    draws = [(sorted(rng.integers(len(owners), size=size)), rng.integers(ITEMS, size=size)) for size in turns]
    for pair, worse in [each for turn in draws for each in zip(*turn, strict=True)]:
        user, better = owners[pair], columns[pair]
        if had[user, worse]:
            continue
        u, i, j = users[user].copy(), items[better].copy(), items[worse].copy()
        pull = 1 / (1 + np.exp(u @ (i - j)))
        users[user, :-1] += 0.1 * (pull * (i - j) - 0.02 * u)[:-1]
        items[better] += 0.1 * (pull * u - 0.02 * i)
        items[worse] += 0.1 * (-pull * u - 0.02 * j)

    table = settings.fit(data(had, seed=7))

    np.testing.assert_allclose(matrix(table, "user"), users, atol=1e-5)
    np.testing.assert_allclose(matrix(table, "item"), items, atol=1e-5)


def test_another_seed_draws_other_pairs():
    _, had = taste()

    one, two = (Bpr(factors=4, iterations=2).fit(data(had, seed=seed)) for seed in (1, 2))

    assert not one.equals(two)


def test_it_goes_on_from_the_last_run():
    same, had = taste()
    begun = Bpr(factors=8, learning_rate=0.05, iterations=40).fit(data(had))

    first = Bpr(factors=8, learning_rate=0.05, iterations=1).fit(data(had))
    went_on = Bpr(factors=8, learning_rate=0.05, warm_iterations=1).fit(replace(data(had), previous=begun))

    quality = [above(matrix(table, "user") @ matrix(table, "item").T, same & ~had, ~same) for table in (first, went_on)]
    assert quality[1] > quality[0] + 0.2


@pytest.mark.slow
def test_movielens_gives_what_was_published(movielens):
    """Cornac's BPR, with 200 factors and 200 iterations, has NDCG@10 .444991 (recommenders-team/recommenders)."""
    learned = Bpr().learned(movielens.data)

    found = movielens.quality(
        FullScores(learned.matrix.users, learned.matrix.items, lambda _, end: learned.users[:end] @ learned.items.T)
    )

    assert found["ndcg@10"] == pytest.approx(0.445, abs=0.01)
