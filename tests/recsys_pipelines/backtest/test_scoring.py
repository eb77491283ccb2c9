from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys_pipelines.algorithm import FullScores, TrainingData, schema
from recsys_pipelines.algorithms.buy_again import BuyAgain
from recsys_pipelines.algorithms.latest import Latest
from recsys_pipelines.algorithms.popularity import Popularity
from recsys_pipelines.algorithms.trending import Trending
from recsys_pipelines.backtest.ranking import Asked, ranked
from recsys_pipelines.backtest.scoring import full_scores, of_everybody, of_lists, of_neighbors, of_vectors, uncut

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NONE = -np.inf


@pytest.fixture
def data():
    """Ann had a (weight 2) and b (1), Bob had b (3)."""
    rows = pl.DataFrame(
        {
            "user_id": ["ann", "ann", "bob"],
            "item_id": ["a", "b", "b"],
            "weight": [2.0, 1.0, 3.0],
            "last_ts": [NOW] * 3,
            "count": [1] * 3,
        }
    )
    return TrainingData(rows, pl.DataFrame({"item_id": ["a", "b", "c"]}), now=NOW)


def table(shape, rows):
    return pl.DataFrame(rows, schema=schema(shape), orient="row")


def whole(full):
    return full.block(0, len(full.users)).tolist()


def test_neighbours_are_summed_over_the_history_with_its_weights(data):
    full = of_neighbors(
        table("item_neighbors", [("a", "c", 0.5), ("b", "c", 0.25), ("b", "a", 1.0), ("x", "c", 9.0)]), data
    )

    assert (full.users.to_list(), full.items.to_list()) == (["ann", "bob"], ["a", "c"])
    assert whole(full) == [[1.0, 2 * 0.5 + 1 * 0.25], [3.0, 0.75]]


def test_an_item_without_a_neighbour_in_the_history_has_no_score(data):
    full = of_neighbors(table("item_neighbors", [("a", "c", 0.5)]), data)

    assert whole(full) == [[1.0], [NONE]]


def test_everybody_gets_the_list_for_everybody():
    rows = table("item_scores", [("", "b", 0.7), ("", "a", 0.3), ("category:x", "a", 1.0)])

    full = of_everybody(rows, pl.Series(["ann", "new"]))

    assert full.items.to_list() == ["a", "b"]
    assert whole(full) == [[0.3, 0.7], [0.3, 0.7]]


@pytest.mark.parametrize("kind", [Popularity, Trending, Latest])
def test_a_list_for_everybody_has_all_items_for_candidates_and_otherwise_as_many_as_it_is_served_with(data, kind):
    dated = pl.DataFrame({"item_id": ["a", "b", "c"], "created_at": [NOW - timedelta(days=day) for day in (2, 1, 3)]})
    event = pl.DataFrame({"item_id": ["a", "b", "b", "c"], "type": "view", "user_id": ["u", "v", "w", "x"]})
    events = event.with_columns(ts=pl.lit(NOW), anonymous_id=pl.lit(None, pl.String), event_id="user_id")
    pairs = pl.concat([data.interactions, data.interactions[:1].with_columns(item_id=pl.lit("c"), weight=0.5)])
    all_three = TrainingData(pairs, dated, [events.lazy()], now=NOW)

    served, full = (
        full_scores(algorithm, all_three, pl.Series(["ann"])) for algorithm in (kind(limit=1), uncut(kind(limit=1), 3))
    )

    assert served.items.to_list() == ["b"]
    assert full.items.to_list() == ["a", "b", "c"]
    assert np.argmax(full.block(0, 1)) == 1


def test_other_tables_are_scored_as_they_are_served():
    assert uncut(BuyAgain(limit=2), 3) == BuyAgain(limit=2)


def test_a_list_of_a_user_scores_what_is_on_it_also_where_that_is_zero():
    full = of_lists(table("user_items", [("bob", "b", 0.0), ("ann", "a", 2.0)]))

    assert whole(full) == [[2.0, NONE], [NONE, 0.0]]


def test_vectors_are_multiplied_and_a_user_without_one_is_the_mean_of_the_history(data):
    vectors = table("vectors", [("item", "a", [1.0, 0.0]), ("item", "b", [0.0, 1.0]), ("user", "bob", [2.0, 3.0])])

    full = of_vectors(vectors, data)

    assert full.users.to_list() == ["ann", "bob"]
    np.testing.assert_allclose(whole(full), [[2 / 3, 1 / 3], [2.0, 3.0]], rtol=1e-6)


def test_a_model_in_full_goes_before_its_table(data):
    in_full = FullScores(pl.Series(["ann"]), pl.Series(["c"]), lambda start, end: np.ones((1, 1)))

    class Both:
        shape = "item_scores"

        def fit(self, _):
            raise AssertionError

        def scores(self, _):
            return in_full

    assert full_scores(Both(), data, pl.Series(["ann"])) is in_full


def test_a_model_that_learned_nothing_recommends_nothing(data):
    users = pl.Series(["ann", "bob"])
    asked = Asked(pl.DataFrame({"user_id": ["ann"], "item_id": ["a"]}), data.interactions.clear())
    nothing = [
        of_everybody(table("item_scores", []), users),
        of_neighbors(table("item_neighbors", []), data),
        of_lists(table("user_items", [])),
        of_vectors(table("vectors", []), data),
    ]

    assert [ranked(full, asked, 5).height for full in nothing] == [0, 0, 0, 0]
