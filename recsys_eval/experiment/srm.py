"""Did the arms get the shares of users that they should have?

If not, who is in them differs, and nothing else is worth reading (Fabijan et al., 2019, KDD). Pearson's chi-square is
for one look. Whoever looks every day needs a test that holds at all looks together: the Bayes factor of a mixture of
other shares (Dirichlet-multinomial) against the planned ones is a martingale while these are right, so the chance that
it ever exceeds 1 / alpha is at most alpha (Lindon & Malek, 2022, NeurIPS, "Anytime-Valid Inference For Multinomial
Count Data"). The mixture is centred at the plan, and as wide as finds most at the planned number of users.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from scipy.special import gammaln  # type: ignore[import-untyped]  # no stubs

from recsys_eval.experiment.facts import Arm, SampleRatio
from recsys_eval.experiment.plan import Plan
from recsys_eval.experiment.sequential import mixture
from recsys_eval.metrics.hits import Vector

DIGITS = 12  # the same on any machine


def sample_ratios(arms: Sequence[Arm], plan: Plan) -> tuple[SampleRatio, SampleRatio]:
    """The sample ratio of all who were assigned, and of those who count, tested in the plan's way of looking.

    Stability: experimental
    """
    return (
        _tested("assigned", {arm.variant: arm.assigned for arm in arms}, plan),
        _tested("counted", {arm.variant: arm.counted for arm in arms}, plan),
    )


def sample_ratio_p_value(users: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """How often chance alone would miss the shares by as much: Pearson's chi-square test. 1 where there is nobody.

    >>> round(sample_ratio_p_value({"a": 5_000, "b": 5_200}, {"a": 0.5, "b": 0.5}), 4)  # chi-square 3.92
    0.0477

    Stability: experimental
    """
    from scipy.stats import chisquare  # type: ignore[import-untyped]  # noqa: PLC0415  # 0.5 s to import

    total = sum(users.get(arm, 0) for arm in shares)
    if total == 0:
        return 1.0
    arms = sorted(shares)
    observed = [users.get(arm, 0) for arm in arms]
    return float(chisquare(observed, [shares[arm] / sum(shares.values()) * total for arm in arms]).pvalue)


def sequential_sample_ratio_p_value(counts: Vector, shares: Vector, alpha: float, planned: int) -> Vector:
    """The p-value of the planned shares that may be looked at whenever one likes: 1 over the Bayes factor, at most 1.

    ``counts`` (..., arms) are users so far, ``shares`` (arms) add up to 1; ``alpha`` and ``planned`` are the level and
    the number of users for which the mixture is tuned, not the level that comes out.

    >>> counts = np.array([[100.0, 120.0], [1_000.0, 1_200.0]])
    >>> sequential_sample_ratio_p_value(counts, np.array([0.5, 0.5]), 0.001, 2_000).round(5).tolist()
    [0.93915, 0.00078]

    Stability: experimental
    """
    prior = shares / mixture(alpha, planned)
    support = gammaln(prior + counts) - gammaln(prior) - counts * np.log(shares)
    spread = gammaln(prior.sum()) - gammaln(prior.sum() + counts.sum(axis=-1))
    return np.asarray(np.exp(-np.maximum(support.sum(axis=-1) + spread, 0.0)))


def _tested(of: Literal["assigned", "counted"], users: dict[str, int], plan: Plan) -> SampleRatio:
    shares = {arm: share / sum(plan.shares.values()) for arm, share in plan.shares.items()}
    arms = sorted(users)
    counts, planned = (np.array([table[arm] for arm in arms], dtype=np.float64) for table in (users, shares))
    once = sample_ratio_p_value(users, shares)
    always = float(sequential_sample_ratio_p_value(counts, planned, plan.srm_alpha, plan.planned_users))
    return SampleRatio(
        of=of,
        users=users,
        expected={arm: round(shares[arm] * sum(users.values()), DIGITS) for arm in users},
        p_value=round(always if plan.peeking else once, DIGITS),
        one_look_p_value=round(once, DIGITS),
    )
