"""The records that ranking hands from step to step, a slate and a pool of candidates, and how items are put in order.

Items are indices into the catalog, whose order is the order of the ids; so "ties by item id" is "ties by index".
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Items = NDArray[np.int32]
Mask = NDArray[np.bool_]
Floats = NDArray[Any]  # float32 as stored, float64 once blended
Keys = NDArray[np.int64]

# A key is an item in the high half of an int64 and something to go with it in the low half, or the other way round.
# Numpy sorts those with vector instructions, ten times faster than lexsort sorts two columns.
HALF = np.int64(32)
LOW = np.int64(0xFFFFFFFF)
PLACES = 1_000_000  # scores are compared at six places


class Slate(NamedTuple):
    """Items in order, with their scores: two arrays of one length."""

    items: Items
    scores: Floats

    def kept(self, keep: Mask) -> "Slate":
        """The items where ``keep`` is true, in the same order; the slate itself if that is all of them."""
        places = keep.nonzero()[0]
        return self if len(places) == len(keep) else self.at(places)

    def at(self, places: Any) -> "Slate":
        """The items at these places, in the order of ``places``."""
        return Slate(self.items.take(places), self.scores.take(places))


class Pool(NamedTuple):
    """What one source proposes: distinct items, best first; none if it knows nothing of the user or the anchors.

    ``level`` is the rung of the fallback ladder that this evidence stands on (0: the user's own list, 7: nothing).
    """

    source: str
    level: int
    reason: str
    items: Items


def best_first(items: Any, values: Floats, depth: int) -> Items:
    """The ``depth`` items of the highest value, then of the lowest index.

    Values are compared at six places of the largest one, so that the width of the machine's vector units cannot change
    an order.
    """
    if not len(items):
        return NO_ITEMS
    largest = max(float(values.max()), -float(values.min())) or 1.0
    keys = (values * (-PLACES / largest)).round().astype(np.int64)
    keys <<= HALF
    keys |= items
    keys.sort()
    return (keys[:depth] & LOW).astype(np.int32)


def ends_of_runs(ordered: NDArray[Any]) -> NDArray[np.int64]:
    """The last place of each run of equal values."""
    last = np.empty(len(ordered), np.bool_)
    last[-1:] = True
    np.not_equal(ordered[1:], ordered[:-1], out=last[:-1])
    return last.nonzero()[0]


def sums_of_runs(values: NDArray[Any], ends: NDArray[np.int64]) -> NDArray[Any]:
    """The sum of the values of each run, given the last place of each."""
    sums = values.cumsum().take(ends)
    sums[1:] -= sums[:-1]
    return sums


NO_ITEMS: Items = np.zeros(0, np.int32)
