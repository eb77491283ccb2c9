"""Learned weights: of all the ways to weigh the sources, the one whose blend has the best NDCG on known outcomes.

The metric itself is climbed, by coordinates: it is flat almost everywhere, so a gradient says nothing, and the few
weights that it takes can hardly overfit. No random numbers; equal scores count against the weights, as a blend that
ties must not look good by luck (an item that turned out right stands behind all others of its score).

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
LEAST_GAIN = 1e-6
_TIE = 1e-9  # less than any two scores differ by that are meant to differ


class Lists(NamedTuple):
    """The candidates of several users, and what became of them."""

    worths: Array
    user: Array
    relevant: Array
    wanted: Array


def best_weights(sources: Sequence[str], lists: Lists, k: int, starts: Iterable[Sequence[float]] = ()) -> list[float]:
    """The weight of each source, adding up to 1, that the search ends with; even ones if nobody wanted anything.

    It begins at the best of ``starts``, of even weights, and of every source alone. One look at a candidate takes a
    few nanoseconds per source, and the search looks at all of them a few hundred times.
    """
    seen = _Seen(lists, k)
    count = len(sources)
    first = [np.full(count, 1 / count), *np.eye(count)]
    begin = [_shares(np.asarray(start, float)) for start in starts if sum(start) > 0] + first
    best = max(begin, key=seen.ndcg)  # the first of equals
    for factors in (COARSE, FINE):
        best = _climbed(best, seen, factors)
    return [round(float(share), 4) for share in best]


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

    def ndcg(self, weights: Array) -> float:
        """The mean over all users."""
        return float(self.values(weights).mean()) if len(self._per_ideal) else 0.0


def _climbed(weights: Array, seen: _Seen, factors: Sequence[float]) -> Array:
    """Every source in turn at each of the factors, again and again, for as long as that gains anything."""
    reached = seen.ndcg(weights)
    for _ in range(MOST_ROUNDS):
        before = reached
        for source in range(len(weights)):
            for tried in _variants(weights, source, factors):
                value = seen.ndcg(tried)
                if value > reached + LEAST_GAIN:
                    weights, reached = tried, value
        if reached == before:
            break
    return weights


def _variants(weights: Array, source: int, factors: Sequence[float]) -> list[Array]:
    """The weights with that of one source changed, adding up to 1 again."""
    own = weights[source]
    values = [own * factor for factor in factors] if own > 0 else list(STEPS)
    changed = [np.where(np.arange(len(weights)) == source, value, weights) for value in values]
    return [_shares(each) for each in changed if each.sum() > 0]


def _shares(weights: Array) -> Array:
    shares: Array = weights / weights.sum()
    return shares
