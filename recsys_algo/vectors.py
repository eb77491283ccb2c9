"""The candidate source of vectors: the dot product with the user's vector is an item's score, exactly, for every item.

A user without a vector is folded in as the weighted mean of the anchors' vectors. Similar items are those of the most
similar direction (cosine), so that a long vector, which mostly means popular, does not win everything.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from data_contracts.tables import Shape
from recsys_algo.arrays import Array, Arrays, array, part
from recsys_algo.candidates import PERSONAL, SESSION, Ask, found, without
from recsys_algo.errors import BadArtifact
from recsys_algo.slate import NO_ITEMS, PLACES, Items, Pool, best_first
from recsys_algo.stringmap import StringMap

_NEAR = np.float32(2 / PLACES)
_GROUPS, _FEW = 4, 8  # groups for each wanted item, and scores per group that are not worth the trouble


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors of ``items``, row by row, and perhaps of users; ``count`` is the size of the catalog."""

    name: str
    kind: str
    items: Items
    vectors: Array
    users: StringMap
    user_vectors: Array
    count: int
    shape: ClassVar[Shape] = "vectors"

    @classmethod
    def of(cls, name: str, kind: str, arrays: Arrays, count: int) -> Self:
        """The source in these arrays, for a catalog of ``count`` items. Raises ``BadArtifact``."""
        users, items = StringMap.from_arrays(part(arrays, "users")), array(arrays, "items.rows")
        vectors, user_vectors = array(arrays, "items.vectors"), array(arrays, "users.vectors")
        if len(items) != len(vectors) or len(users) != len(user_vectors):
            raise BadArtifact(
                f"{len(vectors)} vectors of {len(items)} items, {len(user_vectors)} of {len(users)} users: not one each"
            )
        return cls(name, kind, items, vectors, users, user_vectors, count)

    @cached_property
    def lengths(self) -> Array:
        """The length of each item's vector; 1 for a vector of zeros, whose direction is then zero."""
        lengths: Array = np.linalg.norm(self.vectors, axis=1)
        lengths[lengths == 0] = 1
        return lengths

    def directions(self, items: Items) -> Array:
        """The vectors of these items at length 1, one row each; zeros for an item without a vector."""
        if not len(self.items):
            return np.zeros((len(items), 1), np.float32)
        places = self._places[items]
        directions: Array = self.vectors[places] * ((places >= 0) / self.lengths[places])[:, None].astype(np.float32)
        return directions

    def products(self, items: Items, wanted: Array) -> Array:
        """The dot product of each item's vector with ``wanted``, float64; NaN for an item without a vector."""
        if not len(self.items):
            return np.full(len(items), np.nan)
        places = self._places[items]
        products: Array = (self.vectors[places] @ wanted).astype(np.float64)
        products[places < 0] = np.nan
        return products

    @cached_property
    def _places(self) -> Items:
        """For every item of the catalog the row of its vector; -1, which stands for some row, if it has none."""
        places = np.full(self.count, -1, np.int32)
        places[self.items] = np.arange(len(self.items))
        return places

    def pool(self, ask: Ask) -> Pool:
        """The items closest to the user's vector or, for a user without one, to the anchors."""
        user = -1 if ask.cosine else found(self.users, ask.subjects)
        if user >= 0:
            return Pool(self.name, PERSONAL, "collaborative", self._closest(self.user_vectors[user], ask, NO_ITEMS))
        wanted = self.folded(ask)
        items = NO_ITEMS if wanted is None else self._closest(wanted, ask, ask.anchors)
        return Pool(self.name, SESSION, "embedding_similarity", items)

    def folded(self, ask: Ask) -> Array | None:
        """The weighted mean of the anchors' vectors, or None if there is nothing to take it of."""
        places = self._places[ask.anchors]
        weights = ask.anchor_weights[places >= 0].astype(np.float32)
        if not weights.sum() > 0:
            return None
        places = places[places >= 0]
        lengths = self.lengths[places] if ask.cosine else np.float32(1)
        folded: Array = (weights / lengths) @ self.vectors[places] / weights.sum()
        return folded

    def _closest(self, wanted: Array, ask: Ask, unwanted: Items) -> Items:
        items, scores = self.items, self.vectors @ wanted
        if ask.cosine:
            scores = scores / self.lengths
        if ask.allowed is not None:
            places = ask.allowed[items].nonzero()[0]
            items, scores = items[places], scores[places]
        depth = ask.depth + len(unwanted)
        if len(items) > 2 * depth:
            places = _near_the_best(scores, depth)
            items, scores = items[places], scores[places]
        best = best_first(items, scores, depth)
        return without(best, unwanted, self.count)[: ask.depth] if len(unwanted) else best


def _near_the_best(scores: Array, depth: int) -> Items:
    """The places of the ``depth`` largest scores, of what may tie with the last of them once both are rounded, and
    perhaps of some more.

    Each of many groups of scores has a largest one. The depth-th of these is not above the depth-th of all scores, and
    found in a fraction of the time.
    """
    groups = _GROUPS * depth
    size = len(scores) // groups
    bound = _kth(scores[: groups * size].reshape(size, groups).max(axis=0), depth) if size > _FEW else 0
    largest = scores.max()
    if bound <= 0:  # the score of the largest size, which decides what may tie, may be a negative one
        bound, largest = _kth(scores, depth), abs(scores).max()
    places: Items = (scores >= bound - _NEAR * largest).nonzero()[0]
    return places


def _kth(scores: Array, depth: int) -> Any:
    """The ``depth``-th largest of at least so many."""
    return np.partition(scores, -depth)[-depth]
