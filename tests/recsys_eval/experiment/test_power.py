"""Power and sample size against the textbook formula, and what has no answer."""

import numpy as np
import pytest
from scipy.stats import norm

from recsys_eval.errors import InvalidFrame
from recsys_eval.experiment.power import NEVER, Design


def test_users_mean_and_lift_are_each_other_s_inverse():
    design = Design(mean=0.04, deviation=0.2, share=0.3, planned=50_000)

    users = design.needed_users(0.05)

    assert design.power(0.05, users) == pytest.approx(0.8, abs=1e-3)
    assert design.smallest_lift(users) == pytest.approx(0.05, abs=1e-3)


def test_unequal_shares_need_more_users():
    """In the proportion 1 / (4 share (1 - share)): 2.78 at 90 to 10."""
    half, tenth = (Design(mean=0.04, deviation=0.2, share=share).needed_users(0.05) for share in (0.5, 0.1))

    assert tenth / half == pytest.approx(1 / (4 * 0.1 * 0.9), rel=1e-3)


@pytest.mark.slow  # statsmodels takes seconds to import
@pytest.mark.parametrize(("share", "lift"), [(0.5, 0.05), (0.1, 0.2), (0.3, -0.03)])
def test_the_sample_size_is_that_of_statsmodels(share, lift):
    peer = pytest.importorskip("statsmodels.stats.power").NormalIndPower()
    control = peer.solve_power(effect_size=abs(lift) / 3.0, alpha=0.05, power=0.8, ratio=share / (1 - share))

    users = Design(mean=1.0, deviation=3.0, share=share).needed_users(lift)

    assert users == pytest.approx(control / (1 - share), rel=1e-4)


@pytest.mark.parametrize(("lift", "users"), [(1e-300, NEVER), (1e12, 2)])
def test_a_lift_that_nobody_can_see_and_one_that_nobody_can_miss_have_a_sample_size(lift, users):
    assert Design(mean=1.0, deviation=3.0).needed_users(lift) == users


def test_the_sample_size_is_the_textbook_s():
    z = norm.ppf(0.975) + norm.ppf(0.9)

    assert Design(mean=1.0, deviation=3.0, wanted_power=0.9).needed_users(0.1) == np.ceil(4 * (z * 3.0 / 0.1) ** 2)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        pytest.param({"mean": 0.0, "deviation": 1.0}, "the mean is 0.0", id="no mean"),
        pytest.param({"mean": float("nan"), "deviation": 1.0}, "the mean is nan", id="nan"),
        pytest.param({"mean": 1.0, "deviation": 0.0}, "the standard deviation is 0.0", id="no spread"),
        pytest.param({"mean": 1.0, "deviation": 1.0, "share": 1.0}, "the treatment's share is 1.0", id="one arm"),
    ],
)
def test_a_design_without_an_answer_is_an_error(fields, complaint):
    with pytest.raises(InvalidFrame, match=complaint):
        Design(**fields)


def test_a_lift_of_nothing_is_an_error():
    with pytest.raises(InvalidFrame, match="nobody can see a change of nothing"):
        Design(mean=1.0, deviation=1.0).needed_users(0.0)
