import numpy as np
import pytest
from scipy.stats import norm

from recsys_eval.experiment.sequential import (
    fixed_multiplier,
    fixed_p_value,
    sequential_multiplier,
    sequential_p_value,
)

USERS = np.array([10.0, 500.0, 10_000.0, 3e6])


def test_the_sequence_is_where_the_mixture_likelihood_ratio_reaches_one_over_alpha():
    """Integrated numerically over a normal mixture of true effects, without the closed form (Robbins, 1970)."""
    planned, users = 10_000, 2_500.0
    surprise = -2 * np.log(0.05)
    spread = np.sqrt((surprise + np.log(surprise) + 1) / planned)
    z = float(sequential_multiplier(np.asarray(users), 0.95, planned))
    effects = np.linspace(-8 * spread, 8 * spread, 200_001)

    ratio = np.exp(effects * z * np.sqrt(users) - effects**2 * users / 2) * norm.pdf(effects, scale=spread)

    assert np.trapezoid(ratio, effects) == pytest.approx(20.0, rel=1e-6)


def test_the_p_value_reaches_alpha_where_the_interval_begins_to_leave_out_zero():
    z = sequential_multiplier(USERS, 0.95, 10_000)

    assert sequential_p_value(z, USERS, 0.95, 10_000) == pytest.approx([0.05] * 4)


def test_no_difference_has_p_value_one():
    assert sequential_p_value(np.zeros(4), USERS, 0.95, 10_000).tolist() == [1.0] * 4


def test_looking_always_costs_more_than_looking_once_and_least_at_the_planned_end():
    around = np.linspace(1_000, 100_000, 100)

    reach = sequential_multiplier(around, 0.95, 10_000)

    assert np.all(reach > fixed_multiplier(0.95))
    assert around[np.argmin(reach)] == pytest.approx(10_000, abs=1_000)


def test_one_look_is_the_normal_test():
    assert fixed_multiplier(0.95) == pytest.approx(1.959964)
    assert fixed_p_value(np.array([1.959964, -1.959964])) == pytest.approx([0.05, 0.05])
