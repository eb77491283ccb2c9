"""Blending: the pools of several sources become one slate.

A source counts by rank, not by score: the candidate at rank ``r`` (from 0; equal scores share the best rank) gets
``60 / (60 + r)`` of the source's share of all weights. That is reciprocal rank fusion (Cormack, Clarke & Buettcher,
2009, SIGIR) scaled to 1, so a weight means the same for every source, whatever its scores look like, and a slate's
scores lie in 0..1. A deeper pool never changes what the head of it gets.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from recsys_algo.slate import HIGH, LOW, Floats, Items, Pool, Slate, by_rounded_score

DAMPING = 60.0
MOST_POOLS = 64
_NUMBER = np.int64(MOST_POOLS - 1)
_COMMON_RANKS = DAMPING / (DAMPING + np.arange(4096))


class Blend(NamedTuple):
    """The blended slate and, for each of its items in index order, the pool that gave it most."""

    slate: Slate
    items: Items
    strongest: Items

    def strongest_of(self, items: Items) -> list[int]:
        """The number of the pool that gave most to each of these items."""
        numbers: list[int] = self.strongest.take(self.items.searchsorted(items)).tolist()
        return numbers


def blend(pools: Sequence[Pool], shares: Sequence[float]) -> Blend:
    """The pools as one slate; each item scores the sum over pools of the pool's share times its rank's value.

    What an item got most from is the pool of the largest contribution, the first one if several are equal.
    """
    if not pools:
        return Blend(Slate(_NO_ITEMS, np.zeros(0)), _NO_ITEMS, _NO_ITEMS)
    if len(pools) > MOST_POOLS:
        raise ValueError(f"{len(pools)} pools are to be blended; at most {MOST_POOLS} can be")
    items = np.concatenate([pool.items for pool in pools])
    given = np.concatenate([rank_values(pool.values) * share for pool, share in zip(pools, shares, strict=True)])
    number = np.arange(len(pools)).repeat([len(pool.items) for pool in pools])

    keys = np.left_shift(items.astype(np.int64), HIGH) | np.arange(len(items))
    keys.sort()
    ordered, entries = keys >> HIGH, keys & LOW
    first = np.empty(len(keys), np.bool_)
    first[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    starts = first.nonzero()[0]
    unique = ordered.take(starts)

    # Contributions are not negative, so their bits order like integers; the last ones give way to the pool's number.
    coded = (given.view(np.int64) & ~_NUMBER) | (_NUMBER - number)
    strongest = _NUMBER - (np.maximum.reduceat(coded.take(entries), starts) & _NUMBER)
    slate = by_rounded_score(unique, np.add.reduceat(given.take(entries), starts))
    return Blend(slate, unique.astype(np.int32), strongest.astype(np.int32))


def rank_values(values: Floats) -> Floats:
    """What each place of a pool is worth: 1 for the best, 1/2 at rank 60; equal scores are worth the same.

    >>> rank_values(np.array([9.0, 5.0, 5.0, 1.0])).round(3).tolist()
    [1.0, 0.984, 0.984, 0.952]
    """
    count = len(values)
    worth = _COMMON_RANKS if count <= len(_COMMON_RANKS) else DAMPING / (DAMPING + np.arange(count))
    same = values[1:] == values[:-1]
    if not same.any():
        return worth[:count]
    ranks = np.arange(count)
    ranks[1:][same] = 0
    return worth.take(np.maximum.accumulate(ranks))


_NO_ITEMS = np.zeros(0, np.int32)


def extended(blended: Blend, pools: Sequence[Pool], first: int) -> Blend:
    """The blend with the items of further pools (numbered from ``first``) behind it, in the order of the pools.

    Their scores count down from just below zero, so that the slate stays sorted by score.
    """
    items, strongest = [blended.items], [blended.strongest]
    known = blended.items
    for number, pool in enumerate(pools, first):
        new = pool.items[~np.isin(pool.items, known)]
        known = np.concatenate((known, new))
        items.append(new)
        strongest.append(np.full(len(new), number, np.int32))
    added = known[len(blended.items) :]
    slate = Slate(
        np.concatenate((blended.slate.items, added)),
        np.concatenate((blended.slate.scores, np.arange(-1, -len(added) - 1, -1) / 1e6)),
    )
    order = known.argsort()
    return Blend(slate, known.take(order), np.concatenate(strongest).take(order))
