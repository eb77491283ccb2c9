"""Equal to trec_eval, through pytrec_eval, to 1e-9; and how its rule for equal scores differs from ours."""

import numpy as np
import polars as pl
import pytest
import pytrec_eval

from recsys_eval.errors import InvalidFrame
from recsys_eval.metrics import against_ties, evaluate, ranked
from recsys_eval.metrics.ranking import RANKING

K = 7
TREC = {
    "precision": "P_7",
    "recall": "recall_7",
    "ndcg": "ndcg_cut_7",
    "map": "map_cut_7",
    "hit_rate": "success_7",
}
OF_A_CUT_RUN = {"mrr": "recip_rank", "ndcg_full": "ndcg"}  # trec_eval has them without a cut only


def case(seed: int, levels: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """30 users, lists of 1 to 15 of 40 items with scores from ``levels`` values, and 1 to 12 relevant items each."""
    rng = np.random.default_rng(seed)
    recs, truth = [], []
    for user in (f"u{n:02d}" for n in range(30)):
        listed = rng.choice(40, size=rng.integers(1, 16), replace=False)
        scores = rng.permutation(levels)[: listed.size] if levels >= 40 else rng.integers(levels, size=listed.size)
        recs += [(user, f"i{item:02d}", float(score)) for item, score in zip(listed, scores, strict=True)]
        truth += [(user, f"i{item:02d}") for item in rng.choice(40, size=rng.integers(1, 13), replace=False)]
    return (
        pl.DataFrame(recs, schema=["user_id", "item_id", "score"], orient="row"),
        pl.DataFrame(truth, schema=["user_id", "item_id"], orient="row"),
    )


def trec(recs: pl.DataFrame, truth: pl.DataFrame, measures: list[str]) -> dict[str, dict[str, float]]:
    """trec_eval's values per user; ranks are handed over as scores, for it reads nothing else."""
    relevant = {user: dict.fromkeys(rows["item_id"], 1) for (user,), rows in truth.group_by("user_id")}
    run = {user: dict(zip(rows["item_id"], rows["score"], strict=True)) for (user,), rows in recs.group_by("user_id")}
    asked = {measure.replace("_7", ".7") if "_7" in measure else measure for measure in measures}
    return pytrec_eval.RelevanceEvaluator(relevant, asked).evaluate(run)


def compared(recs: pl.DataFrame, truth: pl.DataFrame, peers: dict[str, dict[str, float]], names: dict[str, str]):
    per_user = evaluate(recs, truth, K).per_user
    for ours, theirs in names.items():
        expected = [peers[user][theirs] for user in per_user["user_id"]]
        assert per_user[f"{ours}@{K}"].to_list() == pytest.approx(expected, abs=1e-9), ours


@pytest.mark.parametrize("seed", range(20))
def test_without_equal_scores_every_value_is_that_of_trec_eval(seed):
    recs, truth = case(seed, levels=1000)
    lists = ranked(recs)

    compared(lists, truth, trec(recs, truth, list(TREC.values())), TREC)
    cut = lists.filter(pl.col("rank") <= K)
    compared(lists, truth, trec(cut, truth, list(OF_A_CUT_RUN.values())), OF_A_CUT_RUN)


def test_all_ranking_metrics_but_one_are_in_trec_eval():
    assert set(RANKING) - set(TREC) - set(OF_A_CUT_RUN) == {"map_capped"}


@pytest.mark.parametrize("seed", range(10))
def test_trec_eval_takes_equal_scores_by_item_id_descending(seed):
    recs, truth = case(seed, levels=3)
    descending = recs.sort("user_id", "score", "item_id", descending=[False, True, True])
    lists = descending.with_columns(rank=pl.int_range(1, pl.len() + 1).over("user_id"))

    compared(lists, truth, trec(recs, truth, list(TREC.values())), TREC)


@pytest.mark.parametrize("seed", range(10))
def test_ties_against_the_model_are_never_worth_more_than_in_trec_eval(seed):
    recs, truth = case(seed, levels=3)
    ours = evaluate(against_ties(ranked(recs), truth), truth, K).per_user
    theirs = trec(recs, truth, list(TREC.values()))

    for name, measure in TREC.items():
        peers = np.array([theirs[user][measure] for user in ours["user_id"]])
        assert (ours[f"{name}@{K}"].to_numpy() <= peers + 1e-9).all(), name


def rows(table: dict[str, str]) -> pl.DataFrame:
    """Lists of one-letter items, best first, as recommendations with ranks and scores that agree."""
    listed = [
        (user, item, rank, -float(rank)) for user, items in table.items() for rank, item in enumerate(items, start=1)
    ]
    schema = {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64, "score": pl.Float64}
    return pl.DataFrame(listed, schema=schema, orient="row")


LISTS = {
    "one hit in a list of one": "a",
    "one miss in a list of one": "z",
    "nothing but hits": "abcdefg",
    "the only hit just inside": "tuvwxya",
    "the only hit just outside": "stuvwxya",
    "more to find than places": "abcdefghijk",
    "a list longer than the cut": "qrstuvwxyzabc",
}


def test_lists_at_the_edges_have_the_values_of_trec_eval():
    recs = rows(LISTS)
    truth = rows(dict.fromkeys(LISTS, "abcdefghij")).select("user_id", "item_id")

    compared(recs, truth, trec(recs, truth, list(TREC.values())), TREC)
    cut = recs.filter(pl.col("rank") <= K)
    compared(cut, truth, trec(cut, truth, list(OF_A_CUT_RUN.values())), OF_A_CUT_RUN)


def test_a_user_without_a_list_is_left_out_by_trec_eval_and_counts_as_0_here():
    recs, truth = rows({"ann": "a"}), rows({"ann": "a", "bob": "a"}).select("user_id", "item_id")

    assert trec(recs, truth, ["P_7"]).keys() == {"ann"}
    assert evaluate(recs, truth, K).per_user.select("user_id", "hit_rate@7").rows() == [("ann", 1.0), ("bob", 0.0)]


def test_a_user_without_truth_is_left_out_by_both():
    recs, truth = rows({"ann": "a", "zoe": "a"}), rows({"ann": "a"}).select("user_id", "item_id")

    assert trec(recs, truth, ["P_7"]).keys() == {"ann"} == set(evaluate(recs, truth, K).per_user["user_id"])


def test_a_user_of_whom_only_irrelevant_items_are_judged_is_0_in_trec_eval_and_has_no_row_in_a_truth_of_choices():
    judged = pytrec_eval.RelevanceEvaluator({"ann": {"a": 0}}, {"map_cut", "ndcg_cut"})

    assert set(judged.evaluate({"ann": {"a": 1.0}})["ann"].values()) == {0.0}


def test_an_item_twice_in_a_list_cannot_be_said_to_trec_eval_and_is_refused_here():
    with pytest.raises(InvalidFrame, match="recommend an item to the same user twice"):
        evaluate(rows({"ann": "aba"}), rows({"ann": "a"}).select("user_id", "item_id"), K)


def test_scores_that_only_double_precision_tells_apart_are_a_tie_in_trec_eval_and_none_here():
    close = rows({"ann": "ab"}).with_columns(score=pl.Series([1.0 + 1e-12, 1.0]))
    truth = rows({"ann": "a"}).select("user_id", "item_id")

    assert trec(close, truth, ["recip_rank"])["ann"]["recip_rank"] == 1 / 2  # b comes first among equals
    assert evaluate(against_ties(close, truth), truth, K).summary["mrr@7"] == 1
