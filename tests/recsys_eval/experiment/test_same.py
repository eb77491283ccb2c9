import numpy as np
import pytest

from recsys_eval.errors import NothingToEvaluate
from recsys_eval.experiment.same import same_arms


def test_equal_arms_raise_as_many_alarms_as_promised():
    rng = np.random.default_rng(1)
    views = 1.0 + rng.poisson(3, 3_000)
    clicks = rng.binomial(views.astype(int), rng.beta(1, 4, 3_000)).astype(float)

    checked = same_arms(clicks, views, rng)

    assert checked.passed
    assert checked.usual[0] < 0.05 < checked.usual[1]


def test_rows_that_are_not_users_are_found_out():
    """1,000 users whose 20 rows were not summed, dealt by user but counted by row: 20 times too many of them."""
    rng = np.random.default_rng(2)
    habit = rng.gamma(0.5, 2.0, 1_000)

    fair = same_arms(habit, np.ones(1_000), np.random.default_rng(3))
    alarms = [
        abs(np.repeat(habit[heads], 20).mean() - np.repeat(habit[~heads], 20).mean())
        > 1.96 * np.sqrt(habit.var() / (20 * heads.sum()) + habit.var() / (20 * (~heads).sum()))
        for heads in rng.random((300, 1_000)) < 0.5
    ]

    assert fair.passed
    assert np.mean(alarms) > fair.usual[1]


def test_users_who_do_not_differ_raise_no_alarm():
    assert same_arms(np.ones(100), np.ones(100), np.random.default_rng(1)).alarm_share == 0.0


def test_too_few_users_are_an_error():
    with pytest.raises(NothingToEvaluate, match="3 users cannot be dealt into halves"):
        same_arms(np.ones(3), np.ones(3), np.random.default_rng(1))


def test_the_same_seed_deals_the_same():
    values = np.random.default_rng(4).random(50)

    assert len({same_arms(values, np.ones(50), np.random.default_rng(9)) for _ in range(2)}) == 1
