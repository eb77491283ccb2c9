"""Learned weights: of all the ways to weigh the sources, one whose blend has a better NDCG on known outcomes.

The metric itself is climbed, by coordinates: it is flat almost everywhere, so a gradient says nothing, and the few
weights that it takes can hardly overfit. A step is taken only if it gains more than its noise, one standard error of
the users' differences; so weights stay where they begin unless outcomes say otherwise. There are no random numbers.
Equal scores count against the weights, as a blend that ties must not look good by luck (an item that turned out right
stands behind all others of its score).

``Lists`` hold one row per candidate: ``worths`` (rows x sources) is what each source gives to it at weight 1,
``user`` the number of its user (rows of a user stand together, in order), ``relevant`` whether it turned out right,
and ``wanted`` per user how many items did, candidates or not.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
COARSE, FINE = (0.0, 0.25, 0.5, 0.75, 1.5, 2.0, 4.0), (0.8, 0.9, 1.1, 1.25)  # a weight is tried at so many times itself
STEPS = (0.05, 0.2, 0.5)  # and a source that has none, at so much of all weights
MOST_ROUNDS = 10  # each tries every source; mostly three or four are enough
LEAST_GAIN, STANDARD_ERRORS = 1e-6, 1.0
_TIE = 1e-9  # less than any two scores differ by that are meant to differ


class Lists(NamedTuple):
    """The candidates of several users, and what became of them."""

    worths: Array
    user: Array
    relevant: Array
    wanted: Array


def best_weights(sources: Sequence[str], lists: Lists, k: int, starts: Iterable[Sequence[float]] = ()) -> list[float]:
    """The weight of each source, adding up to 1, that the search ends with; even ones if nobody wanted anything.

    It begins at the first of ``starts`` (else at even weights), or where another start, even weights or one source
    alone is better beyond noise. The search looks at all candidates a few hundred times, and one look takes some
    nanoseconds per candidate and source.
    """
    seen = _Seen(lists, k)
    begin = [_shares(np.asarray(start, float)) for start in starts if sum(start) > 0]
    begin += [np.full(len(sources), 1 / len(sources)), *np.eye(len(sources))]
    best = _Point(begin[0], seen.values(begin[0]))
    for other in begin[1:]:
        best = _better(best, other, seen)
    for factors in (COARSE, FINE):
        best = _climbed(best, seen, factors)
    return [round(float(share), 4) for share in best.weights]


def ndcg(lists: Lists, weights: Sequence[float], k: int) -> Array:
    """NDCG at ``k`` of every user, in the order of ``wanted``; 0 for one who wanted nothing."""
    return _Seen(lists, k).values(np.asarray(weights, float))


class _Seen:
    """The lists laid out so that one look at them is cheap: a row per user, as wide as the longest list."""

    def __init__(self, lists: Lists, k: int) -> None:
        counts = np.bincount(lists.user, minlength=len(lists.wanted))
        width = max(int(counts.max(initial=0)), k)
        column = np.arange(len(lists.user)) - np.repeat(np.cumsum(counts) - counts, counts)
        self._places = (lists.user, column)
        self._lists, self._k = lists, k
        self._scores = np.full((len(counts), width), -np.inf)
        self._hits = np.zeros((len(counts), width), np.bool_)
        self._hits[self._places] = lists.relevant
        self._discount = 1 / np.log2(np.arange(k) + 2)
        ideal = np.concatenate([[0.0], np.cumsum(self._discount)])[np.minimum(lists.wanted, k)]
        self._per_ideal = np.divide(1, ideal, out=np.zeros(len(ideal)), where=ideal > 0)

    def values(self, weights: Array) -> Array:
        """NDCG per user."""
        scores = self._scores
        scores[self._places] = self._lists.worths @ weights - _TIE * self._lists.relevant
        head = np.argpartition(-scores, self._k - 1, axis=1)[:, : self._k]
        order = np.argsort(-np.take_along_axis(scores, head, 1), axis=1, kind="stable")
        hits = np.take_along_axis(self._hits, np.take_along_axis(head, order, 1), 1)
        gained: Array = (hits @ self._discount) * self._per_ideal
        return gained


class _Point(NamedTuple):
    """Weights, and the NDCG of every user that they give."""

    weights: Array
    values: Array


def _climbed(best: _Point, seen: _Seen, factors: Sequence[float]) -> _Point:
    """Every source in turn at each of the factors, again and again, for as long as that gains anything."""
    for _ in range(MOST_ROUNDS):
        before = best
        for source in range(len(best.weights)):
            for tried in _variants(best.weights, source, factors):
                best = _better(best, tried, seen)
        if best is before:
            break
    return best


def _better(best: _Point, tried: Array, seen: _Seen) -> _Point:
    """The weights that are tried, if they are better by more than the noise."""
    point = _Point(tried, seen.values(tried))
    differences = point.values - best.values
    if not len(differences):
        return best
    noise = float(differences.std()) / np.sqrt(len(differences))
    return point if differences.mean() > LEAST_GAIN + STANDARD_ERRORS * noise else best


def _variants(weights: Array, source: int, factors: Sequence[float]) -> list[Array]:
    """The weights with that of one source changed, adding up to 1 again."""
    own = weights[source]
    values = [own * factor for factor in factors] if own > 0 else list(STEPS)
    changed = [np.where(np.arange(len(weights)) == source, value, weights) for value in values]
    return [_shares(each) for each in changed if each.sum() > 0]


def _shares(weights: Array) -> Array:
    shares: Array = weights / weights.sum()
    return shares
