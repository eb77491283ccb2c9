"""The records that ranking hands from step to step: a slate, a pool of candidates, and the arithmetic of their order.

Items are indices into the catalog, whose order is the order of the ids; so "ties by item id" is "ties by index".
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Items = NDArray[np.int32]
Mask = NDArray[np.bool_]
Floats = NDArray[Any]  # float32 as stored, float64 once blended

LOW = np.int64(0xFFFFFFFF)
HIGH = np.int64(32)
PLACES = 1e6  # scores are compared after rounding to six places


class Slate(NamedTuple):
    """Items in order, with their scores: two arrays of one length."""

    items: Items
    scores: Floats

    def kept(self, keep: Any) -> "Slate":
        """The items where ``keep`` is true, in the same order; the slate itself if that is all of them."""
        if keep.all():
            return self
        places = keep.nonzero()[0]
        return Slate(self.items.take(places), self.scores.take(places))

    def at(self, places: Any) -> "Slate":
        """The items at these places, in the order of ``places``."""
        return Slate(self.items.take(places), self.scores.take(places))


class Pool(NamedTuple):
    """What one source proposes: distinct items, best first, and the scores that put them in this order.

    ``level`` is the rung of the fallback ladder that this evidence stands on (0: the user's own list, 7: nothing).
    """

    source: str
    level: int
    reason: str
    items: Items
    values: Floats


def best_first(items: Items, values: Floats, depth: int) -> tuple[Items, Floats]:
    """The ``depth`` items of the highest value (as float32), then of the lowest index."""
    # The bits of a float32 order like integers once those of negatives are flipped: value and index fit one int64,
    # and numpy sorts those with vector instructions, ten times faster than lexsort.
    bits = np.asarray(values, np.float32).view(np.int32).astype(np.int64)
    bits ^= (bits >> np.int64(63)) & np.int64(0x7FFFFFFF)
    keys = np.left_shift(-bits, HIGH) | items
    keys.sort()
    keys = keys[:depth]
    chosen = -(keys >> HIGH)
    chosen ^= (chosen >> np.int64(63)) & np.int64(0x7FFFFFFF)
    return (keys & LOW).astype(np.int32), chosen.astype(np.int32).view(np.float32)


def by_rounded_score(items: Any, scores: Floats) -> Slate:
    """The slate by score rounded to six places, descending, then by index; its scores are the rounded ones."""
    keys = np.left_shift(np.rint(scores * -PLACES).astype(np.int64), HIGH) | items
    keys.sort()
    return Slate((keys & LOW).astype(np.int32), -(keys >> HIGH) / PLACES)
