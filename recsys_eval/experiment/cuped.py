"""Less noise from what users did before the experiment (Deng, Xu, Kohavi & Walker, 2013, WSDM).

The arms are compared after taking out of each user's numerator what the time before predicts. It cannot bias the
comparison, as the time before cannot depend on the arm.
"""

import numpy as np

from recsys_eval.metrics.hits import Vector


def linearized(numerator: Vector, denominator: Vector) -> Vector:
    """What each user adds to the ratio of all: one value per user, with mean 0; 0 for all where there is no ratio.

    >>> linearized(np.array([1.0, 0.0, 2.0]), np.array([1.0, 1.0, 1.0])).tolist()
    [0.0, -1.0, 1.0]

    Stability: experimental
    """
    seen = float(np.nansum(denominator))
    if seen == 0:
        return np.zeros_like(numerator)
    users = np.count_nonzero(~np.isnan(denominator))
    return (numerator - np.nansum(numerator) / seen * denominator) * (users / seen)


def adjusted(numerator: Vector, denominator: Vector, before: Vector) -> Vector:
    """The numerators of all users of all arms, without what ``before`` predicts of them.

    ``before`` is one value per user from before the experiment (``linearized`` of a ratio); nan for a user who was not
    there yet, who then is taken for an average one. The coefficient is one for all arms, or it would answer to the
    treatment.

    Stability: experimental
    """
    known = ~np.isnan(before)
    centred = np.where(known, before - (before[known].mean() if known.any() else 0.0), 0.0)
    spread = float(centred @ centred)
    if spread == 0:
        return numerator
    coefficient = float(centred @ linearized(numerator, denominator)) / spread
    return numerator - coefficient * float(denominator.mean()) * centred
