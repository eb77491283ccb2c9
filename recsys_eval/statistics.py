"""How sure a mean is: bootstrap and randomisation over users, from values that are given per user.

Users are the unit: a user's list is one draw, however long it is.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit  # type: ignore[import-untyped]  # scipy has no stubs

from recsys_eval.metrics.hits import Vector

DRAWS_AT_ONCE = 4_000_000  # 32 MB of indices at a time, however many users there are


class Interval(NamedTuple):
    """Where the true mean lies, at the confidence that was asked for.

    Stability: public
    """

    low: float
    high: float


def resampled_means(values: Vector, resamples: int, rng: np.random.Generator) -> Vector:
    """The means of ``resamples`` samples of all users with replacement (Efron, 1979, Annals of Statistics).

    >>> resampled_means(np.array([0.5, 0.5]), 3, np.random.default_rng(0)).tolist()
    [0.5, 0.5, 0.5]

    Stability: public
    """
    means = np.empty(resamples)
    step = max(1, DRAWS_AT_ONCE // values.size)
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        means[start:stop] = values[rng.integers(values.size, size=(stop - start, values.size))].mean(axis=1)
    return means


def percentiles(means: Vector, confidence: float) -> Interval:
    """The middle ``confidence`` of resampled means.

    >>> percentiles(np.linspace(0, 1, 101), 0.9)
    Interval(low=0.05, high=0.95)

    Stability: public
    """
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(round(float(low), 12), round(float(high), 12))


def mean_interval(values: Vector, confidence: float) -> Interval | None:
    """The normal interval of a mean within 0..1, to be drawn; None for fewer than two users.

    >>> mean_interval(np.array([0.0, 1.0] * 50), 0.95)  # 0.5 -+ 1.96 * 0.0503
    Interval(low=0.4015, high=0.5985)

    Stability: public
    """
    if values.size < 2:  # noqa: PLR2004  # one value has no spread
        return None
    half = NormalDist().inv_cdf((1 + confidence) / 2) * float(values.std(ddof=1)) / values.size**0.5
    mean = float(values.mean())
    return Interval(round(max(0.0, mean - half), 4), round(min(1.0, mean + half), 4))


def paired_interval(differences: Vector, confidence: float) -> Interval:
    """Student's interval of the mean of paired differences; it needs two users at least.

    >>> paired_interval(np.array([0.0, 0.2] * 8), 0.95)  # 0.1 -+ 2.131 * 0.0258
    Interval(low=0.044966, high=0.155034)

    Stability: public
    """
    degrees = differences.size - 1
    error = float(differences.std(ddof=1)) / differences.size**0.5
    half = float(stdtrit(degrees, (1 + confidence) / 2)) * error
    mean = float(differences.mean())
    return Interval(round(mean - half, 6), round(mean + half, 6))


def chance_of_drop(differences: Vector, resamples: int, rng: np.random.Generator) -> float:
    """How often two equal systems would differ by as low a mean, if only chance said whose value is whose.

    A one-sided sign-flip randomisation test (Smucker et al., 2007, CIKM). Exact for any number of users: five users of
    whom all lost give no less than 1/32.

    Stability: public
    """
    moved = differences[differences != 0]
    if not moved.size:
        return 1.0
    observed = moved.sum() + 1e-12  # equal sums in another order differ by rounding
    step = max(1, DRAWS_AT_ONCE // moved.size)
    low = 0
    for start in range(0, resamples, step):
        signs = rng.choice(np.array([-1.0, 1.0]), size=(min(step, resamples - start), moved.size))
        low += int(np.count_nonzero(signs @ np.abs(moved) <= observed))
    return (low + 1) / (resamples + 1)
