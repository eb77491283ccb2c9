import math

import polars as pl
import pytest

from recsys_eval.errors import InvalidFrame, UnknownMetric
from recsys_eval.metrics import evaluate
from recsys_eval.metrics.definitions import DEFINITIONS, definition

RECS = pl.DataFrame(
    {
        "user_id": ["ann", "ann", "bob", "bob"],
        "item_id": ["tea", "cup", "tea", "jam"],
        "rank": [1, 2, 1, 2],
    }
)
TRUTH = pl.DataFrame({"user_id": ["ann", "ann", "bob", "cy"], "item_id": ["cup", "new", "tea", "tea"]})
TRAIN = pl.DataFrame({"user_id": ["ann", "bob", "cy", "dee"], "item_id": ["tea", "tea", "cup", "jam"]})
CATALOG = pl.DataFrame({"item_id": ["cup", "jam", "pot", "tea"], "category": ["china", "food", "china", "food"]})


def test_the_summary_can_be_checked_by_hand():
    measured = evaluate(RECS, TRUTH, 2, train=TRAIN, catalog=CATALOG)

    assert measured.summary == pytest.approx(
        {
            "precision@2": (1 / 2 + 1 / 2 + 0) / 3,
            "recall@2": (1 / 2 + 1 + 0) / 3,
            "ndcg@2": (0.6309297535714574 / 1.6309297535714573 + 1 + 0) / 3,
            "ndcg_full@2": (0.6309297535714574 / 1.6309297535714573 + 1 + 0) / 3,
            "auc@2": (2 / (2 * 3) + 1 + 0) / 3,  # ann: cup is above jam and pot, not above tea; new is nowhere
            "serendipity@2": (0 + 0 + 0) / 3,  # the two most popular are tea and cup
            "map@2": ((1 / 2) / 2 + 1 + 0) / 3,
            "map_capped@2": ((1 / 2) / 2 + 1 + 0) / 3,
            "mrr@2": (1 / 2 + 1 + 0) / 3,
            "hit_rate@2": 2 / 3,
            "empty_rate": 1 / 3,
            "label_coverage": 3 / 4,
            "coverage@2": 3 / 4,
            "gini@2": (-3 * 0 - 1 * 1 + 1 * 1 + 3 * 2) / (4 * 4),
            "unknown_share@2": 0.0,
            "long_tail_share@2": 2 / 4,  # the head is tea, which 2 of 4 users had
            "novelty@2": ((1 + 2) / 2 + (1 + 2) / 2) / 2,
            "popularity_bias@2": ((2 + 1) / 2 + (2 + 1) / 2) / 2 / ((2 * 2 + 1 + 1) / 4),
            "repeat_rate@2": (1 / 2 + 1 / 2) / 2,  # both had tea
            "calibration_gap@2": (math.log(1 / (0.99 / 2 + 0.01)) + 0) / 2,  # both had food; ann's list is half of it
            "diversity@2": (1 + 0) / 2,
        }
    )


def test_a_summary_is_the_mean_over_users():
    measured = evaluate(RECS, TRUTH, (1, 2))

    assert measured.per_user["user_id"].to_list() == ["ann", "bob", "cy"]
    assert measured.values("mrr@2").to_list() == [0.5, 1.0, 0.0]
    assert measured.summary["mrr@2"] == measured.values("mrr@2").mean()
    assert measured.values("mrr@1").to_list() == [0.0, 1.0, 0.0]


def test_without_train_and_catalog_there_are_only_ranking_metrics():
    assert {name.partition("@")[0] for name in evaluate(RECS, TRUTH, 2).summary} == {
        "precision",
        "recall",
        "ndcg",
        "ndcg_full",
        "map",
        "map_capped",
        "mrr",
        "hit_rate",
        "empty_rate",
    }


def test_no_recommendation_at_all_covers_nothing_and_leaves_undefined_metrics_out():
    measured = evaluate(RECS.clear(), TRUTH, 2, train=TRAIN, catalog=CATALOG)

    assert measured.summary["coverage@2"] == 0
    assert measured.summary["empty_rate"] == 1
    undefined = {"gini", "novelty", "diversity", "long_tail_share", "popularity_bias", "repeat_rate", "calibration_gap"}
    assert not {f"{name}@2" for name in undefined} & set(measured.summary)


def test_places_with_items_that_the_catalog_does_not_know_are_counted_apart():
    measured = evaluate(RECS, TRUTH, 2, catalog=CATALOG.filter(pl.col("item_id") != "jam"))

    assert measured.summary["unknown_share@2"] == 1 / 4
    assert measured.summary["coverage@2"] == 2 / 3


def test_a_train_without_rows_says_as_little_as_none():
    bare = evaluate(RECS, TRUTH, 2, catalog=CATALOG)

    assert evaluate(RECS, TRUTH, 2, train=TRAIN.clear(), catalog=CATALOG).summary == bare.summary


def test_the_hits_are_kept_by_name():
    assert evaluate(RECS, TRUTH, 2).hits.rows() == [("ann", "cup", 2), ("bob", "tea", 1)]


def test_an_item_of_the_truth_that_no_catalog_knows_lowers_the_ceiling_and_is_never_found():
    strange = TRUTH.with_columns(item_id=pl.lit("from nowhere")).unique()

    measured = evaluate(RECS, strange, 2, catalog=CATALOG)

    assert (measured.summary["label_coverage"], measured.summary["recall@2"], measured.summary["auc@2"]) == (0, 0, 0)


def test_one_user_and_one_item_can_be_measured():
    one = pl.DataFrame({"user_id": ["ann"], "item_id": ["tea"], "rank": [1]})

    measured = evaluate(one, one, 1, train=one, catalog=pl.DataFrame({"item_id": ["tea"], "category": ["food"]}))

    assert measured.summary["ndcg@1"] == measured.summary["coverage@1"] == measured.summary["popularity_bias@1"] == 1
    assert (measured.summary["auc@1"], measured.summary["calibration_gap@1"]) == (0, 0)


@pytest.mark.parametrize("k", [0, -1, (), (10, 0)])
def test_a_list_length_below_1_is_refused(k):
    with pytest.raises(InvalidFrame, match="pass one or several list lengths of at least 1"):
        evaluate(RECS, TRUTH, k)


def test_a_metric_that_was_not_measured_names_those_that_were():
    with pytest.raises(
        UnknownMetric, match=r"'ndcg@99' was not measured per user; measured were precision@2, recall@2"
    ):
        evaluate(RECS, TRUTH, 2).values("ndcg@99")


def test_every_metric_has_a_definition_in_words():
    measured = evaluate(RECS, TRUTH, 2, train=TRAIN, catalog=CATALOG)

    assert all(len(definition(name)) > 30 for name in measured.summary)
    assert {name.partition("@")[0] for name in measured.summary} == set(DEFINITIONS)


def test_an_unknown_metric_has_no_definition():
    with pytest.raises(UnknownMetric, match="there is no metric 'accuracy'; there are precision"):
        definition("accuracy@10")
