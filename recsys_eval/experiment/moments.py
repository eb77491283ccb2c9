"""The rate of an arm and how sure it is, from sums per user: users are the unit, however often each came.

All numbers are arrays of one shape, so that one call answers for one arm or for every moment of many experiments.
"""

from dataclasses import dataclass, replace

import numpy as np

from recsys_eval.metrics.hits import Vector


@dataclass(frozen=True)
class Moments:
    """Number of users, the means of numerator and denominator per user, their variances (n - 1) and covariance.

    Stability: experimental
    """

    users: Vector
    numerator: Vector
    denominator: Vector
    numerator_variance: Vector
    denominator_variance: Vector
    covariance: Vector

    @property
    def rate(self) -> Vector:
        """Numerator over denominator; nan where there is nothing to divide by."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.numerator / self.denominator)

    @property
    def variance(self) -> Vector:
        """The variance of ``rate``, by the delta method over users (Deng, Knoblich & Lu, 2018, KDD)."""
        rate = self.rate
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = self.numerator_variance - 2 * rate * self.covariance + np.square(rate) * self.denominator_variance
            return np.asarray(np.maximum(spread, 0) / (self.users * np.square(self.denominator)))


def moments(numerator: Vector, denominator: Vector) -> Moments:
    """The moments of one arm; both have one value per user.

    >>> clicks, views = np.array([1.0, 0.0, 1.0]), np.array([2.0, 1.0, 1.0])
    >>> float(moments(clicks, views).rate)  # 2 clicks of 4 views
    0.5

    Stability: experimental
    """
    middle = (numerator.mean(), denominator.mean()) if numerator.size else (0.0, 0.0)
    y, d = numerator - middle[0], denominator - middle[1]  # squares of what is far from 0 would lose digits
    centred = from_sums(*(np.asarray(column.sum()) for column in (np.ones_like(y), y, d, y * y, d * d, y * d)))
    return replace(
        centred,
        numerator=np.asarray(centred.numerator + middle[0]),
        denominator=np.asarray(centred.denominator + middle[1]),
    )


def from_sums(  # noqa: PLR0917  # the six sums are the argument
    users: Vector, y: Vector, d: Vector, yy: Vector, dd: Vector, yd: Vector
) -> Moments:
    """The moments from the number of users and the sums of y, d, y y, d d and y d; nan variances for one user.

    For counts and shares: of values far from 0 the squares lose digits, see ``moments``.

    Stability: experimental
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        free = np.where(users > 1, users - 1, np.nan)
        mean_y, mean_d = y / users, d / users
        return Moments(
            users=users,
            numerator=np.asarray(mean_y),
            denominator=np.asarray(mean_d),
            numerator_variance=np.asarray(np.maximum(yy - y * mean_y, 0) / free),
            denominator_variance=np.asarray(np.maximum(dd - d * mean_d, 0) / free),
            covariance=np.asarray((yd - y * mean_d) / free),
        )
