"""How far a difference must lie from zero: for one look at the end, or for a look whenever one likes.

The second is an asymptotic confidence sequence with a normal mixture (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas,
2024, Annals of Statistics, theorem 2.2). For normal data it is the interval of the mixture sequential test (Johari,
Koomen, Pekelis & Walsh, 2022, Operations Research), with the mixture's width in standard errors. It was chosen because
it needs only what the delta method gives (an estimate, its variance, the number of users), so it holds for ratios,
revenue and CUPED alike, where exact tests exist for proportions alone.

All functions work on arrays. ``users`` counts all users of both arms.
"""

import numpy as np
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]  # no stubs

from recsys_eval.metrics.hits import Vector


def fixed_multiplier(confidence: float) -> float:
    """How many standard errors to either side hold the truth at one look.

    >>> round(fixed_multiplier(0.95), 4)
    1.96

    Stability: experimental
    """
    return float(ndtri((1 + confidence) / 2))


def sequential_multiplier(users: Vector, confidence: float, planned: int) -> Vector:
    """How many standard errors to either side hold the truth at all looks together.

    It is smallest near ``planned`` users, at about 3.0 for 95 %, and grows without end on both sides, slowly.

    >>> np.round(sequential_multiplier(np.array([100.0, 10_000.0, 1_000_000.0]), 0.95, 10_000), 2).tolist()
    [8.68, 3.04, 3.58]

    Stability: experimental
    """
    weight = users * mixture(1 - confidence, planned)
    return np.asarray(np.sqrt((weight + 1) / weight * (np.log1p(weight) - 2 * np.log(1 - confidence))))


def fixed_p_value(z: Vector) -> Vector:
    """The two-sided p-value of one look.

    Stability: experimental
    """
    return np.asarray(2 * ndtr(-np.abs(z)))


def sequential_p_value(z: Vector, users: Vector, confidence: float, planned: int) -> Vector:
    """The two-sided p-value that may be looked at whenever one likes: the level at which the sequence leaves out 0.

    ``confidence`` is that of the plan, for which the sequence was tuned; not the level that comes out.

    Stability: experimental
    """
    weight = users * mixture(1 - confidence, planned)
    return np.minimum(1.0, np.exp(0.5 * (np.log1p(weight) - np.square(z) * weight / (weight + 1))))


def mixture(alpha: float, planned: int) -> float:
    """The mixture's variance, in variances of one user, that makes the interval narrowest at ``planned`` users.

    Stability: internal
    """
    surprise = -2 * np.log(alpha)
    return float((surprise + np.log(surprise) + 1) / planned)
