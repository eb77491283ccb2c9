"""The A/A check: on your own users, with arms that are the same, are there as many false alarms as promised?

Users of one arm are dealt into two halves again and again, and the halves are compared as treatment and control would
be. More small p-values than there should be mean that the variance is too small, most often because rows are not users.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_eval.errors import NothingToEvaluate
from recsys_eval.experiment.moments import Moments, from_sums
from recsys_eval.experiment.sequential import fixed_p_value
from recsys_eval.metrics.hits import Vector

DRAWS_AT_ONCE = 4_000_000  # 32 MB of coins at a time, however many users there are
DOUBT = 0.001
HALF = 0.5


class SameArms(NamedTuple):
    """The share of halvings that were significant at ``level``, and whether it is as it should be.

    ``usual`` is the range in which that share lies 999 times of 1,000 where all is well.

    Stability: experimental
    """

    halvings: int
    level: float
    alarm_share: float
    usual: tuple[float, float]
    passed: bool


def same_arms(
    numerator: Vector, denominator: Vector, rng: np.random.Generator, *, halvings: int = 1_000, level: float = 0.05
) -> SameArms:
    """Deal the users ``halvings`` times; both have one value per user. Raises ``NothingToEvaluate`` below 4 users.

    Cost grows with users times halvings.

    Stability: experimental
    """
    from scipy.stats import binom  # type: ignore[import-untyped]  # noqa: PLC0415  # 0.5 s to import

    if numerator.size < 4:  # noqa: PLR2004  # two in each half have a variance
        raise NothingToEvaluate(f"{numerator.size} users cannot be dealt into halves; at least 4 are needed")
    step = max(1, DRAWS_AT_ONCE // numerator.size)
    parts = [
        _p_values(numerator, denominator, rng.random((min(step, halvings - start), numerator.size)) < HALF)
        for start in range(0, halvings, step)
    ]
    alarms = int(np.count_nonzero(np.concatenate(parts) <= level))
    low, high = (float(end) / halvings for end in binom.interval(1 - DOUBT, halvings, level))
    return SameArms(halvings, level, alarms / halvings, (low, high), low <= alarms / halvings <= high)


def _p_values(numerator: Vector, denominator: Vector, heads: npt.NDArray[np.bool_]) -> Vector:
    columns = np.stack(
        [np.ones_like(numerator), numerator, denominator, numerator**2, denominator**2, numerator * denominator], axis=1
    )
    one = heads.astype(np.float64) @ columns
    halves: list[Moments] = [from_sums(*side.T) for side in (one, columns.sum(axis=0) - one)]
    error = np.sqrt(halves[0].variance + halves[1].variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (halves[0].rate - halves[1].rate) / error
    return np.where(np.isfinite(z), fixed_p_value(z), 1.0)
