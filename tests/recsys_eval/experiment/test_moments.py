"""The delta method against values worked by hand and against resampling."""

import numpy as np
import pytest

from recsys_eval.experiment.comparison import Pair, lift_interval
from recsys_eval.experiment.cuped import adjusted, linearized
from recsys_eval.experiment.moments import from_sums, moments

CLICKS, VIEWS = np.array([1.0, 0.0, 3.0]), np.array([2.0, 1.0, 3.0])


def test_the_rate_of_an_arm_is_the_ratio_of_sums_and_not_the_mean_of_ratios():
    assert float(moments(CLICKS, VIEWS).rate) == pytest.approx(4 / 6)


def test_the_variance_is_that_of_the_linearised_values():
    """Rate 2/3, mean views 2: each user adds (clicks - 2/3 views) / 2 = -1/6, -1/3, 1/2; variance 7/36 over 3 users."""
    assert float(moments(CLICKS, VIEWS).variance) == pytest.approx(7 / 36 / 3)


def test_a_mean_per_user_has_the_variance_of_a_mean():
    values = np.array([1.0, 2.0, 6.0])

    assert float(moments(values, np.ones(3)).variance) == pytest.approx(values.var(ddof=1) / 3)


def test_the_variance_is_what_resampling_users_finds():
    rng = np.random.default_rng(1)
    views = 1.0 + rng.poisson(3, 2_000)
    clicks = rng.binomial(views.astype(int), rng.beta(1, 4, 2_000)).astype(float)
    drawn = rng.integers(2_000, size=(2_000, 2_000))

    rates = clicks[drawn].sum(1) / views[drawn].sum(1)

    assert float(moments(clicks, views).variance) == pytest.approx(rates.var(), rel=0.1)


def test_large_values_lose_no_digits():
    values = np.array([1.0, 2.0, 6.0]) + 1e9

    assert float(moments(values, np.ones(3)).variance) == pytest.approx(7 / 3)


def test_one_user_has_a_rate_and_no_variance():
    alone = moments(np.array([1.0]), np.array([2.0]))

    assert float(alone.rate) == 0.5
    assert np.isnan(alone.variance)


def test_nobody_has_neither():
    nobody = moments(np.array([]), np.array([]))

    assert np.isnan(nobody.rate)
    assert np.isnan(nobody.variance)


def test_moments_of_many_experiments_are_those_of_each():
    ones, y = np.ones((2, 3)), np.array([[1.0, 0.0, 3.0], [2.0, 2.0, 5.0]])

    together = from_sums(*(column.sum(axis=1) for column in (ones, y, ones, y * y, ones, y)))

    assert together.variance == pytest.approx([float(moments(row, np.ones(3)).variance) for row in y])


def test_the_interval_of_the_lift_is_what_the_equation_says():
    """At its ends, treatment - (1 + lift) control is exactly ``reach`` of its own standard errors away from 0."""
    pair = Pair(moments(np.array([3.0, 4.0, 5.0]), np.ones(3)), moments(np.array([2.0, 2.5, 3.0]), np.ones(3)))

    for end in lift_interval(pair, 1.5):
        distance = 4.0 - (1 + end) * 2.5
        error = (1 / 3 + (1 + end) ** 2 * 0.25 / 3) ** 0.5
        assert abs(distance) / error == pytest.approx(1.5)


def test_a_lift_over_a_control_that_may_be_zero_has_no_interval():
    pair = Pair(moments(np.array([3.0, 4.0, 5.0]), np.ones(3)), moments(np.array([0.0, 0.0, 1.0]), np.ones(3)))

    assert lift_interval(pair, 1.96) is None


@pytest.mark.parametrize("views", [1.0, 4.0], ids=["a mean per user", "a rate"])
def test_cuped_removes_all_that_the_time_before_explains(views):
    before = np.array([1.0, 2.0, 3.0, 4.0])

    assert adjusted(3 * before + 1, np.full(4, views), before).tolist() == [8.5] * 4


def test_cuped_takes_who_was_not_there_before_for_an_average_user():
    before = np.array([1.0, 3.0, np.nan])

    assert adjusted(np.array([1.0, 3.0, 2.0]), np.ones(3), before).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    "before", [pytest.param([2.0, 2.0], id="all the same"), pytest.param([np.nan, np.nan], id="nobody known")]
)
def test_cuped_changes_nothing_where_the_time_before_says_nothing(before):
    assert adjusted(np.array([1.0, 5.0]), np.ones(2), np.array(before)).tolist() == [1.0, 5.0]


def test_a_ratio_over_nothing_is_linearised_to_nothing():
    assert linearized(np.zeros(2), np.zeros(2)).tolist() == [0.0, 0.0]
