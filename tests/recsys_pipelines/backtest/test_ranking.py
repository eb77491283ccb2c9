import numpy as np
import polars as pl
import pytest

from recsys_eval.metrics.evaluation import evaluate
from recsys_pipelines.algorithm import AlgorithmError, FullScores
from recsys_pipelines.backtest.ranking import Asked, best, ranked

PAIRS = {"user_id": pl.String, "item_id": pl.String}


def pairs(*rows):
    return pl.DataFrame(list(rows), schema=PAIRS, orient="row")


def scored(matrix):
    """Scores of the users u0, u1, ... for the items i0, i1, ..."""
    cells = np.array(matrix, dtype=float)
    users, items = (
        pl.Series([f"{letter}{n}" for n in range(size)]) for letter, size in zip("ui", cells.shape, strict=True)
    )
    return FullScores(users, items, lambda start, end: cells[start:end])


def test_a_constant_scorer_finds_nothing_before_everything_else():
    constant = scored(np.ones((1, 10)))
    truth = pairs(("u0", "i0"), ("u0", "i4"))

    recs = ranked(constant, Asked(truth, pairs()), 10)

    assert recs.filter(pl.col("item_id").is_in(["i0", "i4"]))["rank"].to_list() == [9, 10]
    assert evaluate(recs.drop("score"), truth, 8).summary["hit_rate@8"] == 0


def test_a_tie_is_lost_to_what_was_not_chosen_and_nothing_else_is():
    recs = ranked(scored([[3, 2, 2, 1]]), Asked(pairs(("u0", "i1"), ("u0", "i3")), pairs()), 4)

    assert recs["item_id"].to_list() == ["i0", "i2", "i1", "i3"]


def test_what_was_seen_is_not_recommended():
    recs = ranked(scored([[3, 2, 1]]), Asked(pairs(("u0", "i2")), pairs(("u0", "i0"), ("u0", "no such item"))), 3)

    assert recs.rows() == [("u0", "i1", 1, 2.0), ("u0", "i2", 2, 1.0)]


def test_only_candidates_are_ranked_where_there_are_any():
    asked = Asked(pairs(("u0", "i2"), ("u1", "i0")), pairs(), pairs(("u0", "i2"), ("u0", "i1"), ("u1", "i9")))

    recs = ranked(scored([[3, 2, 1], [3, 2, 1]]), asked, 3)

    assert recs.select("user_id", "item_id", "rank").rows() == [("u0", "i1", 1), ("u0", "i2", 2)]


def test_an_item_without_a_score_is_not_recommended():
    recs = ranked(scored([[1, -np.inf, 2]]), Asked(pairs(("u0", "i1")), pairs()), 3)

    assert recs["item_id"].to_list() == ["i2", "i0"]


def test_nobody_is_ranked_who_was_not_asked_for():
    recs = ranked(scored([[1, 2], [1, 2]]), Asked(pairs(("u1", "i0"), ("stranger", "i0")), pairs()), 1)

    assert recs.rows() == [("u1", "i1", 1, 2.0)]


def test_a_score_that_is_no_number_is_named():
    with pytest.raises(AlgorithmError, match="item 'i1' for user 'u0' is not a number"):
        ranked(scored([[1, np.nan]]), Asked(pairs(("u0", "i0")), pairs()), 1)


def test_the_best_are_those_of_a_full_sort_whatever_the_ties():
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 6, size=(200, 30)).astype(float)
    relevant = rng.random((200, 30)) < 0.2

    rows, columns, ranks = best(scores, relevant, 7)

    for row in range(200):
        expected = sorted(range(30), key=lambda item: (-scores[row, item], relevant[row, item], item))[:7]
        assert columns[rows == row].tolist() == expected
        assert ranks[rows == row].tolist() == [1, 2, 3, 4, 5, 6, 7]
