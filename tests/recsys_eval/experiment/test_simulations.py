"""What the statistics promise, seen in experiments whose truth is known; seeds make the numbers the same each time.

Bounds are three standard errors of the simulation, so that a wrong formula shows and chance does not.
"""

import numpy as np
import pytest

from recsys_eval.experiment.comparison import Pair, lift_interval
from recsys_eval.experiment.cuped import adjusted, linearized
from recsys_eval.experiment.moments import Moments, moments
from recsys_eval.experiment.power import Design
from recsys_eval.experiment.sequential import fixed_multiplier, sequential_multiplier, sequential_p_value

EXPERIMENTS, USERS, FIRST_LOOK = 2_000, 1_500, 100
pytestmark = pytest.mark.slow


def visits(rng: np.random.Generator, shape: tuple[int, int], rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Clicks and impressions of users who differ in how often they come and in how readily they click."""
    impressions = 1.0 + rng.poisson(rng.gamma(0.8, 4.0, shape))
    return rng.binomial(impressions.astype(int), rng.beta(0.5, 0.5 / rate - 0.5, shape)).astype(float), impressions


def differences(treatment: Moments, control: Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Difference of the rates, its standard error, users of both arms."""
    error = np.sqrt(treatment.variance + control.variance)
    return treatment.rate - control.rate, error, treatment.users + control.users


@pytest.fixture(scope="module")
def same_arms(running):
    """2,000 A/A tests of a click rate, after each of 1,500 users per arm."""
    rng = np.random.default_rng(20)
    parts = [
        differences(*(running(*visits(rng, (250, USERS), 0.1)) for _ in range(2))) for _ in range(EXPERIMENTS // 250)
    ]
    return tuple(np.concatenate([part[n][:, FIRST_LOOK:] for part in parts]) for n in range(3))


def test_a_look_after_every_user_gives_no_more_false_alarms_than_promised(same_arms):
    difference, error, users = same_arms

    alarm = np.abs(difference) > error * sequential_multiplier(users, 0.95, 1_000)

    assert alarm.shape == (EXPERIMENTS, USERS - FIRST_LOOK)
    assert alarm.any(axis=1).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / EXPERIMENTS)


def test_the_p_value_under_continuous_looking_is_small_as_rarely_as_it_says(same_arms):
    difference, error, users = same_arms

    smallest = sequential_p_value(difference / error, users, 0.95, 1_000).min(axis=1)

    for level in (0.01, 0.1, 0.2):
        assert (smallest <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / EXPERIMENTS)


def test_the_same_looks_with_an_interval_for_one_look_raise_many_false_alarms(same_arms):
    """Why peeking at an ordinary p-value is not harmless, and proof that the simulation can see it."""
    difference, error, _ = same_arms

    alarm = np.abs(difference) > error * fixed_multiplier(0.95)

    assert alarm.any(axis=1).mean() > 0.3


def test_one_look_at_the_end_has_the_nominal_rate_of_false_alarms(same_arms):
    difference, error, _ = same_arms

    alarms = np.abs(difference[:, -1]) > error[:, -1] * fixed_multiplier(0.95)

    assert alarms.mean() == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / EXPERIMENTS))


def test_a_click_is_not_a_user():
    """The mistake of a proportion test on clicks per impression: users who come often count as many users."""
    rng = np.random.default_rng(21)
    clicks, impressions = visits(rng, (EXPERIMENTS, 300), 0.1)
    other, others = visits(rng, (EXPERIMENTS, 300), 0.1)

    rates = [clicks.sum(1) / impressions.sum(1), other.sum(1) / others.sum(1)]
    binomial = sum(rate * (1 - rate) / seen.sum(1) for rate, seen in zip(rates, (impressions, others), strict=True))
    alarms = np.abs(rates[0] - rates[1]) > 1.96 * np.sqrt(binomial)

    assert alarms.mean() > 0.15


def test_the_sequence_of_intervals_holds_a_true_difference_at_all_times(running):
    rng = np.random.default_rng(22)
    better, old = (running(*visits(rng, (500, USERS), rate)) for rate in (0.13, 0.1))
    difference, error, users = differences(better, old)

    outside = np.abs(difference - 0.03) > error * sequential_multiplier(users, 0.95, 1_000)

    assert 1 - outside[:, FIRST_LOOK:].any(axis=1).mean() >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 500)


def test_intervals_of_difference_and_lift_at_one_look_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(23)
    held = []
    for _ in range(1_000):
        new, old = rng.exponential(5.5, 400), rng.exponential(5.0, 600)
        pair = Pair(moments(new, np.ones(400)), moments(old, np.ones(600)))
        lift = lift_interval(pair, fixed_multiplier(0.95))
        held.append((abs(pair.difference - 0.5) <= 1.959964 * pair.error, lift.low <= 0.1 <= lift.high))

    assert np.mean(held, axis=0) == pytest.approx([0.95, 0.95], abs=3 * np.sqrt(0.05 * 0.95 / 1_000))


@pytest.mark.parametrize("lift", [0.08, 0.16])
def test_power_is_how_often_a_true_lift_is_seen(lift):
    rng = np.random.default_rng(24)
    design = Design(mean=0.2, deviation=0.4, share=0.25)
    control, treatment = rng.binomial(6_000, 0.2, 4_000) / 6_000, rng.binomial(2_000, 0.2 * (1 + lift), 4_000) / 2_000
    error = np.sqrt(control * (1 - control) / 6_000 + treatment * (1 - treatment) / 2_000)

    seen = np.mean(np.abs(treatment - control) > 1.959964 * error)

    assert seen == pytest.approx(design.power(lift, 8_000), abs=0.03)


def test_the_needed_users_give_the_wanted_power_at_the_planned_end_of_a_sequence():
    rng = np.random.default_rng(25)
    planned = 100_000
    users = Design(mean=0.2, deviation=0.4, planned=planned).needed_users(0.05)
    arms = [rng.binomial(users // 2, rate, 4_000) / (users // 2) for rate in (0.2, 0.21)]
    error = np.sqrt(sum(rate * (1 - rate) / (users // 2) for rate in arms))

    reach = sequential_multiplier(np.asarray(float(users)), 0.95, planned)

    assert np.mean(np.abs(arms[1] - arms[0]) > reach * error) == pytest.approx(0.8, abs=0.03)


def test_cuped_takes_variance_away_and_adds_no_bias():
    rng = np.random.default_rng(26)
    plain, calm, held = [], [], []
    for _ in range(600):
        habit = rng.gamma(2.0, 2.0, 800)
        before = rng.poisson(habit).astype(float)
        treated = rng.random(800) < 0.5
        now = rng.poisson(habit * np.where(treated, 1.1, 1.0)).astype(float)
        users = np.ones(800)
        steady = adjusted(now, users, linearized(before, users))
        raw, pair = (
            Pair(moments(values[treated], users[treated]), moments(values[~treated], users[~treated]))
            for values in (now, steady)
        )
        plain.append(raw.difference)
        calm.append(pair.difference)
        held.append(abs(pair.difference - 0.4) <= 1.959964 * pair.error)

    assert np.mean(calm) == pytest.approx(0.4, abs=3 * np.std(calm) / np.sqrt(600))
    assert np.var(calm) / np.var(plain) == pytest.approx(1 - (8 / 12) ** 2, abs=0.08)  # 1 - correlation squared
    assert np.mean(held) == pytest.approx(0.95, abs=3 * np.sqrt(0.05 * 0.95 / 600))
