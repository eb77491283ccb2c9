"""Estimators on numbers that can be worked by hand."""

import numpy as np
import polars as pl
import pytest

from recsys_eval.errors import InvalidFrame
from recsys_eval.ope import Options, logged, off_policy
from recsys_eval.ope.estimators import clipped, doubly_robust, ips, snips, switched
from recsys_eval.ope.reward_model import cross_fitted
from recsys_eval.ope.slates import slate_values

REWARD, WEIGHT = np.array([1.0, 0.0, 1.0, 0.0]), np.array([1.0, 3.0, 2.0, 2.0])


def test_ips_is_the_mean_of_weighted_rewards():
    assert ips(REWARD, WEIGHT).mean() == 3 / 4


def test_snips_divides_by_the_weights():
    assert snips(REWARD, WEIGHT).mean() == pytest.approx(3 / 8)


def test_snips_of_a_constant_reward_is_that_constant_without_any_spread():
    assert snips(np.full(4, 0.7), WEIGHT).tolist() == pytest.approx([0.7] * 4)


def test_the_spread_of_linearised_values_is_that_of_resampled_ratios():
    rng = np.random.default_rng(1)
    weight = rng.lognormal(0, 0.7, 1_000)
    reward = (rng.random(1_000) < 0.3).astype(float)
    drawn = rng.integers(1_000, size=(4_000, 1_000))

    ratios = (weight * reward)[drawn].sum(1) / weight[drawn].sum(1)

    assert snips(reward, weight).std() / np.sqrt(1_000) == pytest.approx(ratios.std(), rel=0.05)


def test_doubly_robust_with_a_model_of_nothing_is_ips():
    assert doubly_robust(REWARD, WEIGHT, np.zeros(4), np.zeros(4)).tolist() == ips(REWARD, WEIGHT).tolist()


def test_doubly_robust_with_a_perfect_model_is_the_model():
    assert doubly_robust(REWARD, WEIGHT, REWARD, np.full(4, 0.6)).tolist() == [0.6] * 4


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        pytest.param(3.0, [0.75, -1.25, 1.25, -0.75], id="all weights: doubly robust"),
        pytest.param(2.0, [0.75, 0.25, 1.25, -0.75], id="the second by the model"),
        pytest.param(0.5, [0.25] * 4, id="no weight: the model"),
    ],
)
def test_switching_leaves_large_weights_to_the_model(threshold, expected):
    half, quarter = np.full(4, 0.5), np.full(4, 0.25)

    assert switched(REWARD, WEIGHT, half, quarter, threshold=threshold).tolist() == expected


def test_clipping_cuts_weights_only():
    assert clipped(WEIGHT, 2.0).tolist() == [1.0, 2.0, 2.0, 2.0]
    assert clipped(WEIGHT, None) is WEIGHT


REQUEST = np.array([0, 0, 1, 1])


@pytest.mark.parametrize(
    ("dependence", "expected"),
    [
        pytest.param("item_position", 1 / 3 + 0 / 5 + 2 / 3, id="rank 1: (1 + 2) / 3, rank 2: 0"),
        pytest.param("reward_interaction", 1.0, id="rank 1: 3 / 3; rank 2: 0 of weights 3 and 4"),
        pytest.param("whole_slate", 1.0, id="answers weigh 3 and 4, both earned 1"),
    ],
)
def test_the_value_of_an_answer(dependence, expected):
    assert slate_values(REWARD, WEIGHT, REQUEST, dependence).mean() == pytest.approx(expected)


def test_answers_that_differ_in_what_they_earn_are_weighed_by_all_of_their_weights():
    """Answers of weight 1 x 3 and 2 x 2 that earned 2 and 0: (3 x 2 + 4 x 0) / 7."""
    reward = np.array([1.0, 1.0, 0.0, 0.0])

    assert slate_values(reward, WEIGHT, REQUEST, "whole_slate").mean() == pytest.approx(6 / 7)


def test_an_answer_may_be_shorter_than_another():
    """Rank 1: 3 / 3, rank 2 only in one of two answers: 1 x 1 / 2."""
    value = slate_values(np.array([1.0, 1.0, 1.0]), np.array([1.0, 3.0, 2.0]), np.array([0, 0, 1]), "item_position")

    assert value.mean() == pytest.approx(1.5)


def test_slates_find_the_truth_where_places_are_independent():
    """Two places, two items; the new policy turns the old one's chances around, clicks are .2 and .6 by item."""
    rng = np.random.default_rng(2)
    shown = (rng.random((40_000, 2)) < 0.3).astype(int)
    chance, click = np.array([0.7, 0.3]), np.array([0.2, 0.6])
    weight, reward = (chance[1 - shown] / chance[shown]).ravel(), (rng.random((40_000, 2)) < click[shown]).ravel()
    truth = 2 * (0.3 * 0.2 + 0.7 * 0.6)

    for dependence in ("item_position", "reward_interaction", "whole_slate"):
        values = slate_values(reward.astype(float), weight, np.repeat(np.arange(40_000), 2), dependence)
        assert values.mean() == pytest.approx(truth, abs=4 * values.std() / 200)


def test_an_estimate_knows_users_and_not_rows():
    """The same user's answers are one observation: copies of a log under the same users narrow no interval."""
    rng = np.random.default_rng(3)
    users = [f"u{n}" for n in range(200)]
    many = pl.DataFrame(
        [
            (f"{user}-{copy}", "x", float(happy), 0.5, 0.5, user)
            for user, happy in zip(users, rng.random(200) < 0.4, strict=True)
            for copy in range(10)
        ],
        schema=["request_id", "item_id", "reward", "propensity", "target", "user_id"],
        orient="row",
    )

    by_user, by_row = (off_policy(logged(each)).estimates[0] for each in (many, many.drop("user_id")))

    assert (by_user.high - by_user.low) / (by_row.high - by_row.low) == pytest.approx(10**0.5, rel=0.1)


def test_an_estimate_of_whole_answers_knows_users_too():
    rng = np.random.default_rng(11)
    rows = [
        (f"u{user}-{copy}", item, rank, float(happy), 0.5, 0.5, f"u{user}")
        for user, happy in enumerate(rng.random(200) < 0.4)
        for copy in range(10)
        for rank, item in enumerate("xy", start=1)
    ]
    names = ["request_id", "item_id", "rank", "reward", "propensity", "target", "user_id"]
    many = pl.DataFrame(rows, schema=names, orient="row")

    by_user, by_answer = (
        next(each for each in off_policy(logged(log)).estimates if each.estimator == "item_position")
        for log in (many, many.drop("user_id"))
    )

    assert (by_user.high - by_user.low) / (by_answer.high - by_answer.low) == pytest.approx(10**0.5, rel=0.1)


def test_many_users_are_dealt_into_groups_that_give_the_same_interval():
    rng = np.random.default_rng(8)
    users = 60_000
    log = pl.DataFrame(
        {
            "request_id": np.arange(users).astype(str),
            "item_id": "x",
            "reward": rng.exponential(1.0, users),
            "propensity": 0.5,
            "target": 0.5,
        }
    )

    estimate = off_policy(logged(log), Options(resamples=400)).estimates[0]

    half = 1.96 * log["reward"].std() / users**0.5
    assert (estimate.high - estimate.low) / 2 == pytest.approx(half, rel=0.1)


def test_the_model_is_not_asked_about_what_it_learned(world):
    """A fold is predicted by the others: shuffling the rewards of a fold does not change its own predictions."""
    log = logged(*world.log(np.random.default_rng(4), 300))
    fold = (np.random.default_rng(0).permutation(300) % 2)[log.unit]
    changed = log.reward.copy()
    changed[fold == 0] = 1 - changed[fold == 0]

    before = cross_fitted(log, np.random.default_rng(0))
    after = cross_fitted(type(log)(**(vars(log) | {"reward": changed})), np.random.default_rng(0))

    assert np.array_equal(before.predicted[fold == 0], after.predicted[fold == 0])
    assert not np.allclose(before.predicted[fold == 1], after.predicted[fold == 1])


def test_what_earned_nothing_teaches_the_model_too(world):
    """A model of the rewarded places alone expects a click on everything; the old policy itself earns what it did."""
    rows, _ = world.log(np.random.default_rng(9), 4_000)
    situation = rows.select("x_0", "x_1", "x_2", "x_3").to_numpy().argmax(axis=1)
    itself = pl.DataFrame(
        {
            "request_id": np.repeat(rows["request_id"].to_numpy(), 5),
            "item_id": np.tile(np.arange(5).astype(str), rows.height),
            "probability": world.old[situation].ravel(),
        }
    )

    estimates = {
        each.estimator: each.value for each in off_policy(logged(rows, itself), Options(resamples=1)).estimates
    }

    assert estimates["dm"] == pytest.approx(rows["reward"].mean(), abs=0.01)
    assert estimates["dr"] == pytest.approx(rows["reward"].mean(), abs=0.01)


def test_a_linear_model_finds_effects_that_add_up(world):
    """Rewards that are not 0 or 1 are fitted as they are: an item worth 2 and one worth 5, nearly without penalty."""
    rows, target = world.log(np.random.default_rng(5), 400)
    worth = rows.with_columns(reward=pl.col("item_id").cast(pl.Float64) * 2.0)

    found = cross_fitted(logged(worth, target), np.random.default_rng(0), penalty=1e-6)

    assert found.predicted == pytest.approx(worth["reward"].to_numpy(), abs=0.01)


def test_a_model_without_the_whole_policy_is_an_error(small):
    with pytest.raises(InvalidFrame, match="needs all that the new policy would do"):
        cross_fitted(logged(small()), np.random.default_rng(0))


def test_a_model_of_one_s_own_is_used(small):
    log = small(predicted=[0.5] * 4, expected=[0.25] * 4)

    estimates = {each.estimator: each.value for each in off_policy(logged(log)).estimates}

    assert estimates["dm"] == 0.25
    assert estimates["dr"] == pytest.approx(0.25 + (0.5 - 0.25 - 0.5 + 1.0) / 4)


def test_the_same_seed_gives_the_same_result(world):
    log = logged(*world.log(np.random.default_rng(6), 200))

    assert off_policy(log, Options(seed=3)) == off_policy(log, Options(seed=3))
