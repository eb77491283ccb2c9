import numpy as np
import pytest

from recsys_eval.statistics import chance_of_drop, mean_interval, percentiles, resampled_means


def test_resampled_means_spread_as_the_standard_error_says():
    values = np.random.default_rng(1).normal(size=400)

    means = resampled_means(values, 4_000, np.random.default_rng(2))

    assert means.mean() == pytest.approx(values.mean(), abs=0.005)
    assert means.std() == pytest.approx(values.std() / 20, rel=0.05)


def test_the_same_seed_gives_the_same_means():
    values = np.linspace(0, 1, 50)

    first, second = (resampled_means(values, 100, np.random.default_rng(3)) for _ in range(2))

    assert first.tolist() == second.tolist()


def test_many_users_are_resampled_in_several_parts():
    means = resampled_means(np.full(3_000_000, 0.25), 3, np.random.default_rng(0))

    assert means.tolist() == [0.25, 0.25, 0.25]


def test_intervals_hold_the_true_mean_as_often_as_they_say():
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        low, high = percentiles(resampled_means(rng.random(80), 400, rng), 0.9)
        held += low <= 0.5 <= high

    assert held / 300 == pytest.approx(0.9, abs=0.05)


def test_a_drawn_interval_stays_within_0_and_1_and_needs_two_users():
    assert mean_interval(np.array([0.0, 0.0, 0.0, 1.0]), 0.95).low == 0.0
    assert mean_interval(np.array([0.5]), 0.95) is None


def test_five_users_who_all_lost_happen_by_chance_in_1_of_32():
    chance = chance_of_drop(np.array([-0.1, -0.2, -0.3, -0.1, -0.5, 0.0, 0.0]), 20_000, np.random.default_rng(0))

    assert chance == pytest.approx(1 / 32, abs=0.004)


def test_three_users_can_never_prove_a_drop():
    assert chance_of_drop(np.array([-1.0, -1.0, -1.0]), 5_000, np.random.default_rng(0)) > 0.1


def test_without_any_difference_chance_explains_all():
    assert chance_of_drop(np.zeros(10), 100, np.random.default_rng(0)) == 1.0
