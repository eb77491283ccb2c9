"""The reward of a whole answer under another policy: one value per answer, self-normalised at every rank.

- ``item_position``: a place's reward depends on its item and its rank alone; weights are per place (Li et al., 2018,
KDD)
- ``reward_interaction``: also on what stands above; weights multiply downwards (McInerney et al., 2020, KDD)
- ``whole_slate``: on all of the answer; all weights multiply (Swaminathan et al., 2017, NeurIPS, as the baseline)

The first wants each place's own (marginal) propensity; the others want that of the item given the ones above it.
"""

from typing import Literal

import numpy as np

from recsys_eval.metrics.hits import Ints, Vector

Dependence = Literal["item_position", "reward_interaction", "whole_slate"]
DEPENDENCES: tuple[Dependence, ...] = ("item_position", "reward_interaction", "whole_slate")


def slate_values(reward: Vector, weight: Vector, request: Ints, dependence: Dependence) -> Vector:
    """The values of the answers, in the order of their numbers; their mean is the new policy's reward per answer.

    Rows are sorted by request (numbered from 0 without a gap) and rank. nan where a rank has no weight at all.

    >>> reward, weight, request = np.array([1.0, 0.0, 0.0, 1.0]), np.array([2.0, 1.0, 1.0, 3.0]), np.array([0, 0, 1, 1])
    >>> float(slate_values(reward, weight, request, "item_position").mean())  # 2 / 3 at rank 1, 3 / 4 at rank 2
    1.4166666666666667

    Stability: experimental
    """
    first = np.flatnonzero(np.diff(request, prepend=-1))
    place = np.arange(request.size) - first[request]
    shaped = _shaped(weight, request, place, dependence)
    answers, places = first.size, int(place.max()) + 1
    total = np.bincount(place, weights=shaped, minlength=places)
    count = np.bincount(place, minlength=places)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.bincount(place, weights=shaped * reward, minlength=places) / total
        centred = shaped * (reward - value[place]) * (count / total)[place]
    return np.asarray(np.bincount(request, weights=centred + value[place], minlength=answers), dtype=np.float64)


def _shaped(weight: Vector, request: Ints, place: Ints, dependence: Dependence) -> Vector:
    """The weight of each place, as far up and down the answer as its reward depends on others."""
    if dependence == "item_position":
        return weight
    running = weight.copy()
    for depth in range(1, int(place.max()) + 1):
        here = np.flatnonzero(place == depth)
        running[here] *= running[here - 1]
    if dependence == "reward_interaction":
        return running
    last = np.flatnonzero(np.diff(request, append=request[-1] + 1))
    return running[last][request]
