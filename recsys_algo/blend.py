"""Blending: the pools of several sources become one slate.

A source counts by rank, not by score: the candidate at rank ``r`` (from 0) gets ``60 / (60 + r)`` of the source's share
of all weights. That is reciprocal rank fusion (Cormack, Clarke & Buettcher, 2009, SIGIR) scaled to 1, so a weight
means the same for every source, whatever its scores look like, and a slate's scores lie in 0..1. A deeper pool never
changes what the head of it gets. Contributions are whole millionths: sums are exact and scores have six places, so
the order (score descending, then item id) is the same on every machine.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from recsys_algo.slate import END, HALF, LOW, PLACES, Items, Keys, Pool, Slate, sums_by_item

DAMPING = 60.0
MOST_POOLS = 64
COMMON_DEPTH = 1024
_NUMBER = MOST_POOLS - 1
_NUMBER_BITS = 12  # enough for the sum of the numbers of 64 pools, which summing up leaves behind the millionths
_MILLIONTHS = np.int64(-1 << _NUMBER_BITS)
_NONE = np.zeros(1, np.int64)


class Voice(NamedTuple):
    """What a source's ranks are worth: its share of all weights (0..1), spelled out for the common ranks.

    Each of ``worths`` is the contribution of a rank in millionths, and in the lowest bits which pool gives it.
    """

    number: int
    share: float
    worths: Keys

    @classmethod
    def of(cls, number: int, share: float) -> "Voice":
        """The voice of the pool of that number, which is its place among all."""
        return cls(number, share, _worths(number, share, COMMON_DEPTH))

    def of_ranks(self, count: int) -> Keys:
        """The worths of the first ``count`` ranks."""
        return self.worths[:count] if count <= COMMON_DEPTH else _worths(self.number, self.share, count)

    def score(self, rank: int) -> float:
        """What the candidate at that rank (from 0) gets."""
        return round(self.share * DAMPING / (DAMPING + rank) * PLACES) / PLACES


def _worths(number: int, share: float, count: int) -> Keys:
    millionths = np.rint(share * DAMPING / (DAMPING + np.arange(count)) * PLACES).astype(np.int64)
    worths: Keys = (millionths << _NUMBER_BITS) | (_NUMBER - number)
    return worths


class Blend(NamedTuple):
    """The blended slate and, for each of its items in index order, a key that says which pool gave it most."""

    slate: Slate
    items: Keys
    strongest: Keys

    def strongest_of(self, items: Items) -> list[int]:
        """The number of the pool that gave most to each of these items; the first one of several equal ones."""
        keys = self.strongest.take(self.items.searchsorted(items))
        numbers: list[int] = (_NUMBER - (keys & _NUMBER)).tolist()
        return numbers


def blend(pools: Sequence[Pool], voices: Sequence[Voice]) -> Blend:
    """The pools as one slate: an item scores the sum of what its rank is worth in each pool."""
    if len(pools) > MOST_POOLS:
        raise ValueError(f"{len(pools)} pools are to be blended; at most {MOST_POOLS} can be")
    keys = np.concatenate([*[pool.items for pool in pools], END], dtype=np.int64)
    keys <<= HALF
    keys |= np.concatenate([*[v.of_ranks(len(p.items)) for p, v in zip(pools, voices, strict=True)], _NONE])
    # Within an item the contributions stand in ascending order: its last key is of the strongest.
    items, sums, strongest = sums_by_item(keys)
    sums &= _MILLIONTHS
    sums <<= HALF - _NUMBER_BITS
    ordered = items - sums
    ordered.sort()
    slate = Slate(ordered & LOW, -(ordered >> HALF) / PLACES)
    return Blend(slate, items, strongest)


def extended(blended: Blend, pools: Sequence[Pool], first: int) -> Blend:
    """The blend with the items of further pools (numbered from ``first``) behind it, in the order of the pools.

    Their scores count down from just below zero, so that the slate stays sorted by score.
    """
    known, strongest = blended.items, [blended.strongest]
    for number, pool in enumerate(pools, first):
        new = pool.items[~np.isin(pool.items, known)]
        known = np.concatenate((known, new))
        strongest.append(np.full(len(new), _NUMBER - number))
    added = known[len(blended.items) :]
    slate = Slate(
        np.concatenate((blended.slate.items, added)),
        np.concatenate((blended.slate.scores, np.arange(-1, -len(added) - 1, -1) / PLACES)),
    )
    order = known.argsort()
    return Blend(slate, known.take(order), np.concatenate(strongest).take(order))
