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

from recsys_algo.slate import HALF, LOW, NO_ITEMS, NO_KEYS, PLACES, Items, Keys, Pool, Slate, distinct
from recsys_algo.tally import Tally

DAMPING = 60.0
MOST_POOLS = 64
COMMON_DEPTH = 1024
_NUMBER_BITS = np.int64(6)
_NUMBER = MOST_POOLS - 1


class Voice(NamedTuple):
    """What a source's ranks are worth: its share of all weights (0..1), spelled out for the common ranks.

    Each of ``worths`` is the contribution of a rank in millionths.
    """

    share: float
    worths: Keys

    @classmethod
    def of(cls, share: float) -> "Voice":
        """The voice of a source with that share."""
        return cls(share, _worths(share, COMMON_DEPTH))

    def of_ranks(self, count: int) -> Keys:
        """The worths of the first ``count`` ranks, in millionths."""
        return self.worths[:count] if count <= COMMON_DEPTH else _worths(self.share, count)


def _worths(share: float, count: int) -> Keys:
    worths: Keys = np.rint(share * DAMPING / (DAMPING + np.arange(count)) * PLACES).astype(np.int64)
    return worths


class Blend(NamedTuple):
    """The blended slate, and all entries of the pools that went into it: item, worth in millionths, pool number."""

    slate: Slate
    items: Keys
    worths: Keys
    numbers: Keys
    tally: Tally

    def strongest_of(self, items: Items) -> list[int]:
        """The number of the pool that gave most to each of these items; the first one of several equal ones."""
        coded = (self.worths << _NUMBER_BITS) | (_NUMBER - self.numbers)
        numbers: list[int] = (_NUMBER - (self.tally.largest(self.items, coded, items) & _NUMBER)).tolist()
        return numbers


def blend(pools: Sequence[Pool], voices: Sequence[Voice], tally: Tally) -> Blend:
    """The pools as one slate: an item scores the sum of what its rank is worth in each pool."""
    if len(pools) > MOST_POOLS:
        raise ValueError(f"{len(pools)} pools are to be blended; at most {MOST_POOLS} can be")
    items = np.concatenate([*[pool.items for pool in pools], NO_ITEMS], dtype=np.int64)
    worths = np.concatenate([*[v.of_ranks(len(p.items)) for p, v in zip(pools, voices, strict=True)], NO_KEYS])
    numbers = np.arange(len(pools)).repeat([len(pool.items) for pool in pools])
    keys = distinct(items - (tally.totals(items, worths) << HALF))
    return Blend(Slate(keys & LOW, -(keys >> HALF) / PLACES), items, worths, numbers, tally)


def extended(blended: Blend, pools: Sequence[Pool], first: int) -> Blend:
    """The blend with the items of further pools (numbered from ``first``) behind it, in the order of the pools.

    Their scores count down from just below zero, so that the slate stays sorted by score.
    """
    known, numbers = blended.slate.items, [blended.numbers]
    for number, pool in enumerate(pools, first):
        new = pool.items[~np.isin(pool.items, known)]
        known = np.concatenate((known, new))
        numbers.append(np.full(len(new), number))
    added = known[len(blended.slate.items) :]
    scores = np.concatenate((blended.slate.scores, np.arange(-1, -len(added) - 1, -1) / PLACES))
    return Blend(
        Slate(known, scores),
        np.concatenate((blended.items, added)),
        np.concatenate((blended.worths, np.zeros(len(added), np.int64))),
        np.concatenate(numbers),
        blended.tally,
    )
