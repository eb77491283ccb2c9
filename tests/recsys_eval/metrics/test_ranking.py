import math
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_eval.metrics import RANKING, auc, match, one_user, reciprocal_rank


def frames(lists: dict[str, list[str]], relevant: dict[str, list[str]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lists (best first) and relevant items per user, as recs and truth."""
    recs = [(user, item, place) for user, items in lists.items() for place, item in enumerate(items, start=1)]
    truth = [(user, item) for user, items in relevant.items() for item in items]
    shape = {"user_id": pl.String, "item_id": pl.String}
    return (
        pl.DataFrame(recs, schema={**shape, "rank": pl.Int64}, orient="row"),
        pl.DataFrame(truth, schema=shape, orient="row"),
    )


def by_hand(name: str, items: list[str], relevant: set[str], k: int) -> float:
    """The textbook definitions, one user at a time, in plain Python: nothing shared with the code under test."""
    hit_ranks = [place for place, item in enumerate(items[:k], start=1) if item in relevant]
    at_hits = [sum(1 for rank in hit_ranks if rank <= place) / place for place in hit_ranks]
    full = [1 / math.log2(place + 1) for place in range(1, len(relevant) + 1)]
    return {
        "precision": len(hit_ranks) / k,
        "recall": len(hit_ranks) / len(relevant),
        "ndcg": sum(1 / math.log2(place + 1) for place in hit_ranks) / sum(full[:k]),
        "ndcg_full": sum(1 / math.log2(place + 1) for place in hit_ranks) / sum(full),
        "map": sum(at_hits) / len(relevant),
        "map_capped": sum(at_hits) / min(k, len(relevant)),
        "mrr": 1 / hit_ranks[0] if hit_ranks else 0.0,
        "hit_rate": float(bool(hit_ranks)),
    }[name]


def random_case(seed: int) -> tuple[dict[str, list[str]], dict[str, list[str]], int]:
    dice = random.Random(seed)
    items = [f"item {n}" for n in range(dice.randint(1, 40))]
    users = [f"user {n}" for n in range(dice.randint(1, 30))]
    lists = {user: dice.sample(items, dice.randint(0, len(items))) for user in users if dice.random() < 0.9}
    relevant = {user: dice.sample(items, dice.randint(1, len(items))) for user in users if dice.random() < 0.9}
    return lists, relevant or {users[0]: items[:1]}, dice.randint(1, 25)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("precision", 2 / 5),
        ("recall", 2 / 3),
        ("ndcg", (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / math.log2(4))),
        ("ndcg_full", (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / math.log2(4))),
        ("map", (1 / 2 + 2 / 4) / 3),
        ("map_capped", (1 / 2 + 2 / 4) / 3),
        ("mrr", 1 / 2),
        ("hit_rate", 1.0),
    ],
)
def test_hits_at_2_and_4_of_three_relevant_items(name, expected):
    assert RANKING[name](one_user(ranks=[2, 4], relevant=3), 5).tolist() == pytest.approx([expected], abs=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_every_metric_equals_the_textbook_on_random_lists(seed):
    lists, relevant, k = random_case(seed)

    hits = match(*frames(lists, relevant))

    assert hits.users.to_list() == sorted(relevant)
    for name, metric in RANKING.items():
        expected = [by_hand(name, lists.get(user, []), set(relevant[user]), k) for user in hits.users]
        assert metric(hits, k).tolist() == pytest.approx(expected, abs=1e-12), name


@pytest.mark.slow  # scikit-learn takes seconds to import
@pytest.mark.parametrize("seed", range(10))
def test_ndcg_and_average_precision_equal_those_of_scikit_learn(seed):
    peer = pytest.importorskip("sklearn.metrics")
    dice = np.random.default_rng(seed)
    labels = dice.permutation([1] * 7 + [0] * 33)
    scores = dice.permutation(40).astype(float)
    ranks = (np.argsort(np.argsort(-scores)) + 1)[labels == 1]
    hits = one_user(ranks.tolist(), relevant=7)

    assert RANKING["ndcg"](hits, 10)[0] == pytest.approx(peer.ndcg_score([labels], [scores], k=10), abs=1e-12)
    assert auc(hits, 40, np.array([33]))[0] == pytest.approx(peer.roc_auc_score(labels, scores), abs=1e-12)
    assert RANKING["map"](hits, 40)[0] == pytest.approx(peer.average_precision_score(labels, scores), abs=1e-12)


cases = st.integers(min_value=0, max_value=10_000).map(random_case)


@settings(deadline=None, max_examples=40)
@given(case=cases)
def test_values_lie_between_0_and_1(case):
    lists, relevant, k = case

    hits = match(*frames(lists, relevant))

    values = np.concatenate([metric(hits, k) for metric in RANKING.values()])
    assert ((values >= 0) & (values <= 1 + 1e-12)).all()


@settings(deadline=None, max_examples=40)
@given(case=cases)
def test_a_perfect_list_scores_1(case):
    _, relevant, k = case

    hits = match(*frames(relevant, relevant))

    for name in set(RANKING) - {
        "precision",
        "recall",
        "map",
        "ndcg_full",
    }:  # these cannot reach 1 unless there are k relevant items
        assert RANKING[name](hits, k).tolist() == pytest.approx([1.0] * len(relevant)), name


@settings(deadline=None, max_examples=20)
@given(case=cases, seed=st.integers(min_value=0, max_value=99))
def test_neither_the_order_of_rows_nor_the_names_of_users_matter(case, seed):
    lists, relevant, k = case
    recs, truth = frames(lists, relevant)
    hits = match(recs, truth)

    shuffled = match(*(frame.sample(fraction=1, shuffle=True, seed=seed) for frame in (recs, truth)))
    renamed = match(*(frame.with_columns(user_id=pl.col("user_id").str.reverse()) for frame in (recs, truth)))

    for metric in RANKING.values():
        assert metric(shuffled, k).tolist() == metric(hits, k).tolist()
        assert sorted(metric(renamed, k).tolist()) == sorted(metric(hits, k).tolist())


@settings(deadline=None, max_examples=40)
@given(case=cases, catalog=st.integers(min_value=40, max_value=60))
def test_auc_equals_a_count_of_all_pairs(case, catalog):
    lists, relevant, k = case
    hits = match(*frames(lists, relevant))
    items = [f"item {n}" for n in range(catalog)]
    expected = []
    for user in hits.users:
        place = {item: rank for rank, item in enumerate(lists.get(user, [])[:k])}
        good, bad = set(relevant[user]), set(items) - set(relevant[user])
        right = sum(place.get(one, 999) < place.get(other, 999) for one in good for other in bad)
        expected.append(right / (len(good) * len(bad)) if bad else 0.0)

    others = np.array([catalog - len(relevant[user]) for user in hits.users])

    assert auc(hits, k, others).tolist() == pytest.approx(expected)


def test_a_user_who_chose_the_whole_catalog_has_no_pair_and_scores_0():
    assert auc(one_user(ranks=[1, 2], relevant=2), 2, np.array([0])).tolist() == [0.0]


def test_a_user_for_whom_nothing_was_recommended_scores_0_and_is_counted():
    hits = match(*frames({"ann": ["a"]}, {"ann": ["a"], "bob": ["a"]}))

    assert reciprocal_rank(hits, 10).tolist() == [1.0, 0.0]


def test_users_without_truth_do_not_count():
    hits = match(*frames({"ann": ["a"], "zoe": ["a"]}, {"ann": ["a"]}))

    assert hits.users.to_list() == ["ann"]


def test_without_any_recommendation_everybody_scores_0():
    hits = match(*frames({}, {"ann": ["a"], "bob": ["a", "b"]}))

    assert {name: metric(hits, 10).tolist() for name, metric in RANKING.items()} == {
        name: [0.0, 0.0] for name in RANKING
    }


def test_a_gap_in_the_ranks_is_a_place_without_a_hit():
    recs, truth = frames({"ann": ["a"]}, {"ann": ["a"]})

    assert reciprocal_rank(match(recs.with_columns(rank=pl.lit(5)), truth), 10).tolist() == [0.2]


def test_hits_below_k_do_not_count():
    hits = match(*frames({"ann": ["x", "a"]}, {"ann": ["a"]}))

    assert [metric(hits, 1).tolist() for metric in RANKING.values()] == [[0.0]] * len(RANKING)


def test_ids_that_differ_only_by_a_separator_do_not_meet():
    recs, truth = frames({"u": ["1,2"], "u1": ["2"]}, {"u": ["12"], "u1": ["2"], "u1,2": [""]})

    assert match(recs, truth).total(np.ones(1)).tolist() == [0.0, 1.0, 0.0]
