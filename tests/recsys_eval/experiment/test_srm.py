"""The sample ratio: what the tests promise at one look and at all looks, against sums and dice of other kinds."""

import msgspec
import numpy as np
import pytest
from scipy import integrate, stats

from recsys_eval.experiment.analysis import analyse
from recsys_eval.experiment.srm import sample_ratio_p_value, sequential_sample_ratio_p_value
from recsys_eval.experiment.subjects import Logs

HALVES = np.array([0.5, 0.5])
TESTS, USERS, PLANNED = 2_000, 3_000, 2_000


def test_the_sample_ratio_counts_an_arm_that_nobody_got():
    assert sample_ratio_p_value({"a": 100}, {"a": 0.5, "b": 0.5}) < 1e-20


def test_the_sample_ratio_of_three_arms_is_pearson_s_test():
    """Chi-square of 10, 10 and 22 against 14 each: (16 + 16 + 64) / 14 with two degrees of freedom."""
    p = sample_ratio_p_value({"a": 10, "b": 10, "c": 22}, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})

    assert p == pytest.approx(np.exp(-96 / 14 / 2))


def width(alpha: float, planned: int) -> float:
    """The concentration of the mixture: planned users over 2 log(1/alpha) + log(2 log(1/alpha)) + 1."""
    surprise = -2 * np.log(alpha)
    return planned / (surprise + np.log(surprise) + 1)


@pytest.mark.parametrize(("ours", "theirs", "share"), [(60, 40, 0.5), (300, 20, 0.9), (3, 0, 0.2)])
def test_the_p_value_at_any_time_is_one_over_the_likelihood_of_all_other_shares(ours, theirs, share):
    """Integrated numerically over a Beta mixture of true shares, without the closed form."""
    spread = width(0.001, 200)
    mixture = stats.beta(spread * share, spread * (1 - share))

    def ratio(true: float) -> float:
        grown = ours * np.log(true / share) + theirs * np.log((1 - true) / (1 - share))
        return np.exp(grown) * mixture.pdf(true)

    factor, _ = integrate.quad(ratio, 0, 1, points=[share, ours / (ours + theirs)], limit=400)

    p = sequential_sample_ratio_p_value(np.array([ours, theirs]), np.array([share, 1 - share]), 0.001, 200)
    assert p == pytest.approx(min(1.0, 1 / factor), rel=1e-6)


def test_three_arms_are_predicted_one_user_after_the_other():
    """The Bayes factor is the product of Polya's urn: the mixture's guess of each user's arm over the plan's."""
    rng = np.random.default_rng(1)
    shares, spread = np.array([0.5, 0.3, 0.2]), width(0.01, 50)
    seen, factor = np.zeros(3), 1.0
    for arm in rng.choice(3, p=[0.2, 0.2, 0.6], size=40):
        factor *= (spread * shares[arm] + seen[arm]) / (spread + seen.sum()) / shares[arm]
        seen[arm] += 1

    assert sequential_sample_ratio_p_value(seen, shares, 0.01, 50) == pytest.approx(1 / factor)


def test_nobody_and_exactly_the_plan_raise_no_doubt():
    counts = np.array([[0.0, 0.0], [500.0, 500.0]])

    assert sequential_sample_ratio_p_value(counts, HALVES, 0.001, 1_000).tolist() == [1.0, 1.0]


def running(rng: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    """The users of each arm after every user, of many experiments: (tests, users, arms)."""
    arm = (rng.random((TESTS, USERS, 1)) > shares.cumsum()[:-1]).sum(axis=2)
    return np.cumsum(arm[:, :, None] == np.arange(shares.size), axis=1, dtype=np.int32)


def smallest(counts: np.ndarray, shares: np.ndarray, alpha: float) -> np.ndarray:
    """The smallest p-value that somebody saw who looked after every user."""
    return np.array([sequential_sample_ratio_p_value(each, shares, alpha, PLANNED).min() for each in counts])


@pytest.mark.slow
@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.9, 0.1], [0.4, 0.3, 0.3]], ids=["halves", "a ramp", "three arms"])
def test_a_look_after_every_user_gives_no_more_false_alarms_than_promised(shares):
    planned = np.array(shares)
    counts = running(np.random.default_rng(30), planned)

    for level in (0.001, 0.05):
        seen = smallest(counts, planned, level)
        assert seen.shape == (TESTS,)
        assert np.mean(seen < level) <= level + 3 * np.sqrt(level * (1 - level) / TESTS)


@pytest.mark.slow
def test_the_chi_square_of_the_same_looks_raises_many_false_alarms():
    """Why a test for one look will not do, and proof that the simulation can see it."""
    counts = running(np.random.default_rng(30), HALVES)[:, 100:, 0]
    users = np.arange(101, USERS + 1)

    alarm = (2 * counts - users) ** 2 / users > stats.chi2(1).ppf(1 - 0.001)

    assert alarm.any(axis=1).mean() > 5 * 0.001
    assert alarm[:, -1].mean() <= 0.001 + 3 * np.sqrt(0.001 / TESTS)


@pytest.mark.slow
def test_52_to_48_is_found_and_what_looking_always_costs():
    """At the level of 0.001 and 20,000 users one look finds nearly all; looking always as many with half more users."""
    rng = np.random.default_rng(31)
    ours = rng.binomial(500, 0.52, (2_000, 60)).cumsum(axis=1)  # a look after every 500 users
    users = np.arange(500, 30_001, 500)
    counts = np.stack([ours, users - ours], axis=2).astype(float)

    found = sequential_sample_ratio_p_value(counts, HALVES, 0.001, 10_000) < 0.001
    so_far = np.logical_or.accumulate(found, axis=1).mean(axis=0)
    once = ((2 * ours - users) ** 2 / users > stats.chi2(1).ppf(1 - 0.001)).mean(axis=0)

    assert so_far[np.searchsorted(users, 20_000)] > 0.9
    assert so_far[-1] > 0.99
    assert users[np.argmax(so_far > 0.9)] < 1.6 * users[np.argmax(once > 0.9)]


def test_peeking_asks_for_more_than_one_look_and_both_are_in_the_record(plan, shop):
    """1,000 and 1,160 users: chi-square 11.9, p 0.0006 at one look, which a daily look would find by chance."""
    assignments, users = shop(old=(1_000, 100), new=(1_160, 116))
    logs = Logs(assignments, users=users)

    always = analyse(logs, plan)
    once = analyse(logs, msgspec.structs.replace(plan, peeking=False))

    assert [each.of for each in always.sample_ratios] == ["assigned", "counted"]
    assert always.sample_ratios[0].one_look_p_value == pytest.approx(0.00058, abs=1e-5)
    assert always.sample_ratios[0].p_value > 0.001 > once.sample_ratios[0].p_value
    assert always.sample_ratios[0].expected == {"old": 1_080.0, "new": 1_080.0}
    assert (always.checks[0].passed, once.checks[0].passed) == (True, False)
    assert "at any time (0.00058 at one look), 0.001 or more is needed" in always.checks[0].detail
