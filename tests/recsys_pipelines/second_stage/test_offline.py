"""Weights learned from ranked lists: hand-made lists in which it is plain whom one should listen to."""

from itertools import product

import numpy as np
import polars as pl
import pytest

from recsys_pipelines.second_stage.offline import NothingToLearn, blended, learn_weights
from recsys_pipelines.second_stage.weights import Lists, best_weights, ndcg

USERS = [f"u{n:02d}" for n in range(40)]
ITEMS = [f"i{n:02d}" for n in range(30)]


def lists_of(orders):
    """One list per user, best first."""
    rows = [(user, item, rank) for user, order in orders.items() for rank, item in enumerate(order, 1)]
    return pl.DataFrame(rows, ["user_id", "item_id", "rank"], orient="row")


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def truth(rng):
    rows = [(user, item) for user in USERS for item in rng.choice(ITEMS, 3, replace=False)]
    return pl.DataFrame(rows, ["user_id", "item_id"], orient="row")


@pytest.fixture
def noise(rng):
    return lists_of({user: rng.permutation(ITEMS).tolist() for user in USERS})


@pytest.fixture
def oracle(truth):
    wanted = truth.group_by("user_id").agg("item_id")
    return lists_of({user: [*items, *(i for i in ITEMS if i not in items)] for user, items in wanted.iter_rows()})


def test_the_source_that_is_always_right_gets_all_of_the_weight(truth, noise, oracle):
    assert learn_weights({"noise": noise, "oracle": oracle}, truth) == {"noise": 0.0, "oracle": 1.0}


def test_two_sources_that_each_know_half_of_the_users_are_both_listened_to(truth, noise, oracle):
    first, second = pl.col("user_id") < "u20", pl.col("user_id") >= "u20"

    weights = learn_weights({"a": oracle.filter(first), "b": oracle.filter(second), "noise": noise}, truth)

    assert weights["noise"] == 0
    assert min(weights["a"], weights["b"]) > 0


def test_learned_weights_are_at_least_as_good_as_any_of_a_fine_grid(rng, truth):
    sizes = (len(USERS) * len(ITEMS), 3)
    relevant = rng.random(sizes[0]) < 0.1
    worths = rng.random(sizes) + relevant[:, None] * [0.5, 0.2, 0.0]
    user = np.repeat(np.arange(len(USERS)), len(ITEMS))
    lists = Lists(worths, user, relevant, np.bincount(user, weights=relevant).astype(int))

    weights = best_weights(["a", "b", "c"], lists, 10)

    grid = [w for w in product(np.linspace(0, 1, 11), repeat=3) if sum(w) > 0]
    assert ndcg(lists, weights, 10).mean() >= max(ndcg(lists, w, 10).mean() for w in grid) - 0.005


def test_a_hit_at_the_second_place_of_two_wanted_items_is_worth_its_discount():
    lists = Lists(np.array([[3.0], [2.0], [1.0]]), np.zeros(3, int), np.array([False, True, False]), np.array([2]))

    assert ndcg(lists, [1.0], 2) == pytest.approx([(1 / np.log2(3)) / (1 + 1 / np.log2(3))])


def test_equal_scores_count_against_the_weights():
    lists = Lists(np.ones((3, 1)), np.zeros(3, int), np.array([True, False, False]), np.array([1]))

    assert ndcg(lists, [1.0], 2) == [0.0]


def test_rows_in_any_order_give_the_same_weights(truth, noise, oracle):
    mixed = oracle.filter(pl.col("user_id") < "u20")
    shuffled = [frame.sample(fraction=1, shuffle=True, seed=3) for frame in (mixed, noise, truth)]

    weights = learn_weights({"a": shuffled[0], "b": shuffled[1]}, shuffled[2])

    assert weights == learn_weights({"b": noise, "a": mixed}, truth)


def test_a_blend_by_ranks_adds_up_what_ranks_are_worth():
    lists = {"a": lists_of({"u": ["x", "y"]}), "b": lists_of({"u": ["y", "z"]})}

    rows = blended(lists, {"a": 0.5, "b": 0.5})

    # y: 0.5 x 5/6 + 0.5 x 1; x: 0.5; z: 0.5 x 5/6
    assert rows.rows() == [("u", "y", 1, 0.916667), ("u", "x", 2, 0.5), ("u", "z", 3, 0.416667)]


def test_a_blend_by_scores_takes_each_list_from_lowest_to_highest():
    scored = lists_of({"u": ["x", "y", "z"]}).with_columns(score=pl.Series([30.0, 20.0, 10.0]))

    assert blended({"a": scored}, {"a": 1.0}, k=2, by="score")["score"].to_list() == [1.0, 0.5]


@pytest.mark.parametrize("by", ["rank", "score"])
def test_a_list_of_one_item_gives_it_everything(by):
    one = lists_of({"u": ["x"]}).with_columns(score=0.0)

    assert blended({"a": one}, {"a": 1.0}, by=by)["score"].to_list() == [1.0]


def test_items_listed_twice_count_once():
    twice = pl.concat([lists_of({"u": ["x", "y"]})] * 2)

    assert blended({"a": twice}, {"a": 1.0}).height == 2


def test_without_outcomes_there_is_nothing_to_learn(noise, truth):
    with pytest.raises(NothingToLearn, match="1 and 0"):
        learn_weights({"noise": noise}, truth.clear())


def test_without_a_weight_there_is_nothing_to_blend(noise):
    with pytest.raises(NothingToLearn, match="other"):
        blended({"noise": noise}, {"other": 1.0})


def test_a_score_that_is_no_number_is_refused():
    scored = lists_of({"u": ["x", "y"]}).with_columns(score=pl.Series([1.0, float("nan")]))

    with pytest.raises(ValueError, match="als: a score is not a finite number"):
        blended({"als": scored}, {"als": 1.0}, by="score")


def test_weights_stay_where_they_begin_if_outcomes_are_noise(rng):
    """Of a hundred steps in the dark some gain a little by luck; at least it is more than a standard error."""
    user = np.repeat(np.arange(400), 20)
    relevant = rng.random(len(user)) < 0.1
    lists = Lists(rng.random((len(user), 3)), user, relevant, np.bincount(user, weights=relevant).astype(int))

    weights = best_weights(["a", "b", "c"], lists, 10, [[0.5, 0.3, 0.2]])

    gained = ndcg(lists, weights, 10) - ndcg(lists, [0.5, 0.3, 0.2], 10)
    assert weights == [0.5, 0.3, 0.2] or gained.mean() > gained.std() / 20


def test_a_start_of_zeros_is_passed_over():
    user = np.zeros(2, int)
    lists = Lists(np.array([[1.0, 0.0], [0.0, 1.0]]), user, np.array([True, False]), np.array([1]))

    assert sum(best_weights(["a", "b"], lists, 1, [[0.0, 0.0]])) == 1
