import polars as pl
import pytest

from recsys_eval.metrics.evaluation import Metrics
from recsys_pipelines.backtest.comparing import against, comparisons, intervals, measured
from recsys_pipelines.backtest.preparing import Question

PAIRS = {"user_id": pl.String, "item_id": pl.String}


def question(world, truth):
    events = world.events([("ann", "z", 0), ("bob", "z", 0)])
    catalog = pl.DataFrame(
        {"item_id": ["a", "b", "z"], "category": [None] * 3}, schema_overrides={"category": pl.String}
    )
    pairs = pl.DataFrame(truth, schema=PAIRS, orient="row")
    return Question(events=events, catalog=catalog, truth=pairs, barred=pairs.clear())


def lists(*rows):
    return pl.DataFrame(list(rows), schema={**PAIRS, "rank": pl.Int64}, orient="row")


def valued(values):
    users = [f"u{n:03}" for n in range(len(values))]
    return Metrics({"ndcg@10": sum(values) / len(values)}, pl.DataFrame({"user_id": users, "ndcg@10": values}))


def test_a_users_value_is_the_mean_over_the_folds_that_ask_for_the_user(world):
    questions = [question(world, [("ann", "a"), ("bob", "a")]), question(world, [("ann", "b")])]
    recs = [lists(("ann", "a", 1)), lists(("ann", "z", 1))]

    found = measured(recs, questions, (1,))

    assert found.values("hit_rate@1").to_list() == [0.5, 0.0]  # ann: found, missed; bob: missed
    assert found.summary["hit_rate@1"] == 0.25
    assert found.summary["coverage@1"] == pytest.approx(1 / 3)


def test_a_catalog_without_categories_has_no_diversity(world):
    found = measured([lists(("ann", "a", 1), ("ann", "b", 2))], [question(world, [("ann", "a")])], (2,))

    assert not [name for name in found.summary if name.startswith("diversity")]


def test_the_best_is_compared_with_each_other_one():
    found = comparisons(
        {"bad": valued([0.1] * 100), "good": valued([0.5] * 100), "fair": valued([0.3] * 100)}, "ndcg@10", 0
    )

    assert [(each.better, each.than, each.difference, each.certain) for each in found] == [
        ("good", "fair", 0.2, True),
        ("good", "bad", 0.4, True),
    ]
    assert (found[0].low, found[0].high) == (pytest.approx(0.2), pytest.approx(0.2))


def test_what_may_be_chance_is_not_called_certain():
    few = valued([0.0, 1.0] * 5)
    other = valued([1.0, 0.0] * 4 + [0.0, 0.5])

    (found,) = comparisons({"few": few, "other": other}, "ndcg@10", 0)

    assert found.low < 0 < found.high
    assert not found.certain


def test_the_interval_of_a_paired_difference_is_that_of_its_standard_error():
    base, better = [0.2, 0.4] * 200, [0.3, 0.4] * 200  # differences 0.1 and 0: mean 0.05, sd 0.05

    (found,) = comparisons({"base": valued(base), "better": valued(better)}, "ndcg@10", 0)

    half = 1.96 * 0.05 / 400**0.5
    assert (found.low, found.high) == (pytest.approx(0.05 - half, abs=5e-4), pytest.approx(0.05 + half, abs=5e-4))


def test_means_have_intervals():
    assert intervals(valued([0.0, 1.0] * 50)) == {"ndcg@10": (0.4015, 0.5985)}


def test_one_algorithm_alone_is_compared_with_nothing():
    assert comparisons({"only": valued([0.5, 0.5])}, "ndcg@10", 0) == ()


def test_every_one_is_compared_with_the_baseline_also_where_it_is_worse():
    every = {"base": valued([0.3] * 20), "bad": valued([0.1] * 20), "good": valued([0.5] * 20)}

    found = against(every, "base", "ndcg@10", seed=0)

    assert [(each.better, each.than, each.difference, each.certain) for each in found] == [
        ("bad", "base", -0.2, True),
        ("good", "base", 0.2, True),
    ]
    assert against(every, None, "ndcg@10", seed=0) == ()
