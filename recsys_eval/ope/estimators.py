"""What another policy would have earned, from the log of the one that ran: one value per decision.

The mean of the values is the estimate. Self-normalised estimators are linearised, so that the spread of their values is
the estimator's own, and one bootstrap serves all. ``weight`` is the new policy's probability of what was shown over the
old one's; ``predicted`` and ``expected`` are a reward model's, for what was shown and on average over the new policy.
"""

import numpy as np

from recsys_eval.metrics.hits import Vector


def ips(reward: Vector, weight: Vector) -> Vector:
    """Inverse propensity scoring: unbiased, and noisy where weights are large (Horvitz & Thompson, 1952).

    >>> ips(np.array([1.0, 0.0]), np.array([2.0, 0.5])).tolist()
    [2.0, 0.0]

    Stability: experimental
    """
    return weight * reward


def snips(reward: Vector, weight: Vector) -> Vector:
    """Self-normalised: divided by the mean weight, slightly biased, far steadier (Swaminathan & Joachims, 2015).

    nan where all weights are 0.

    >>> float(snips(np.array([1.0, 0.0]), np.array([3.0, 1.0])).mean())  # 3 / (3 + 1)
    0.75

    Stability: experimental
    """
    total = float(weight.sum())
    if total == 0:
        return np.full_like(reward, np.nan)
    value = float(weight @ reward) / total
    return value + weight * (reward - value) * (reward.size / total)


def direct(expected: Vector) -> Vector:
    """The direct method: what the model expects of the new policy; as wrong as the model is.

    Stability: experimental
    """
    return expected


def doubly_robust(reward: Vector, weight: Vector, predicted: Vector, expected: Vector) -> Vector:
    """Right if either the propensities or the model are (Dudík, Langford & Li, 2011, ICML).

    >>> one = np.array([1.0])
    >>> float(doubly_robust(one, 2 * one, 0.5 * one, 0.25 * one)[0])  # 0.25 + 2 (1 - 0.5)
    1.25

    Stability: experimental
    """
    return expected + weight * (reward - predicted)


def switched(reward: Vector, weight: Vector, predicted: Vector, expected: Vector, *, threshold: float) -> Vector:
    """Doubly robust where the weight is at most the threshold, the model alone above (Wang, Agarwal & Dudík, 2017).

    Stability: experimental
    """
    return expected + np.where(weight <= threshold, weight, 0.0) * (reward - predicted)


def clipped(weight: Vector, limit: float | None) -> Vector:
    """No weight above the limit: less noise for some bias towards the old policy (Ionides, 2008).

    Stability: experimental
    """
    return weight if limit is None else np.minimum(weight, limit)
