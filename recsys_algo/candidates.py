"""Candidate sources, one per shape: whatever algorithm made a table, its shape says how to ask it.

A source answers an ``Ask`` with a ``Pool`` (distinct items, best first; equal scores by item id), or with None when it
knows nothing of the user, the anchors or the segment. Where ``allowed`` is given, items outside of it are passed over
before the pool is cut, so that filters cannot starve it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from data_contracts.tables import Shape
from recsys_algo.arrays import Array, Arrays, Rows, array, part
from recsys_algo.errors import BadArtifact
from recsys_algo.slate import Items, Mask, Pool, best_first
from recsys_algo.stringmap import StringMap

PERSONAL, SESSION, SEGMENT, SURFACE, TENANT, LATEST, EDITORIAL, EMPTY = range(8)  # the rungs of the fallback ladder
DEFAULT_SEGMENT = "default"


@dataclass(frozen=True, eq=False)
class Ask:
    """What a source may look at. ``subjects`` are the ids under which the user may be known, best first.

    ``anchors`` are items, each with a weight. ``cosine`` compares vectors by direction alone (for similar items).
    """

    subjects: tuple[str, ...]
    segment: str
    anchors: Items
    anchor_weights: Array
    depth: int
    allowed: Mask | None = None
    cosine: bool = False


class Source(Protocol):
    """An artifact that proposes items."""

    shape: ClassVar[Shape]

    @property
    def name(self) -> str:
        """The artifact."""

    @property
    def kind(self) -> str:
        """The algorithm that made it."""

    def pool(self, ask: Ask) -> Pool | None:
        """The best ``ask.depth`` candidates, or None."""


@dataclass(frozen=True, eq=False)
class ItemScores:
    """Lists for everybody: one per segment, and the one of the empty segment for those who have none."""

    name: str
    kind: str
    segments: StringMap
    rows: Rows
    shape: ClassVar[Shape] = "item_scores"

    @classmethod
    def of(cls, name: str, kind: str, arrays: Arrays) -> Self:
        """The source in these arrays. Raises ``BadArtifact``."""
        segments = StringMap.from_arrays(part(arrays, "segments"))
        return cls(name, kind, segments, Rows.of(arrays, len(segments)))

    @cached_property
    def everybody(self) -> int:
        """The row of the list for everybody, or -1."""
        return self.segments.find("")

    def pool(self, ask: Ask) -> Pool | None:
        """The list of the segment if there is one, otherwise the list for everybody."""
        own = self.segments.find(ask.segment) if ask.segment != DEFAULT_SEGMENT else -1
        if own >= 0:
            return self._pool(own, SEGMENT, ask)
        return self._pool(self.everybody, SURFACE, ask)

    def segment_pool(self, segment: str, ask: Ask) -> Pool | None:
        """The list of exactly this segment, such as ``category:audio``."""
        return self._pool(self.segments.find(segment), SEGMENT, ask)

    def _pool(self, row: int, level: int, ask: Ask) -> Pool | None:
        return cut(self.name, level, "recent_popularity", self.rows.row(row), ask) if row >= 0 else None


@dataclass(frozen=True, eq=False)
class UserItems:
    """Lists of users, computed beforehand."""

    name: str
    kind: str
    users: StringMap
    rows: Rows
    shape: ClassVar[Shape] = "user_items"

    @classmethod
    def of(cls, name: str, kind: str, arrays: Arrays) -> Self:
        """The source in these arrays. Raises ``BadArtifact``."""
        users = StringMap.from_arrays(part(arrays, "users"))
        return cls(name, kind, users, Rows.of(arrays, len(users)))

    def row(self, subjects: tuple[str, ...]) -> tuple[Array, Array] | None:
        """The items and scores of the first subject that has a list."""
        user = found(self.users, subjects)
        return self.rows.row(user) if user >= 0 else None

    def pool(self, ask: Ask) -> Pool | None:
        """The user's list."""
        row = self.row(ask.subjects)
        return None if row is None else cut(self.name, PERSONAL, "personalization", row, ask)


@dataclass(frozen=True, eq=False)
class ItemNeighbors:
    """For an item, those that go with it."""

    name: str
    kind: str
    rows: Rows
    shape: ClassVar[Shape] = "item_neighbors"

    @classmethod
    def of(cls, name: str, kind: str, arrays: Arrays, count: int) -> Self:
        """The source in these arrays, for a catalog of ``count`` items. Raises ``BadArtifact``."""
        return cls(name, kind, Rows.of(arrays, count))

    def pool(self, ask: Ask) -> Pool | None:
        """The neighbours of the anchors, by the sum over anchors of weight times score; never an anchor itself."""
        if not len(ask.anchors):
            return None
        items, values, lengths = self.rows.gathered(ask.anchors)
        if not len(items):
            return None
        items, values = _summed(items, values * ask.anchor_weights.repeat(lengths))
        places = _others(items, ask.anchors)
        items, values = _allowed(items.take(places), values.take(places), ask)
        return _pool(self.name, SESSION, "co_visitation", *best_first(items, values, ask.depth))


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors of items and perhaps of users; the dot product is the score, computed exactly for every item.

    A user without a vector is folded in as the weighted mean of the anchors' vectors; scores are compared after
    rounding to six places, so that the width of the machine's vector units cannot change an order.
    """

    name: str
    kind: str
    items: Items
    vectors: Array
    users: StringMap
    user_vectors: Array
    shape: ClassVar[Shape] = "vectors"

    @classmethod
    def of(cls, name: str, kind: str, arrays: Arrays) -> Self:
        """The source in these arrays. Raises ``BadArtifact``."""
        users = StringMap.from_arrays(part(arrays, "users"))
        source = cls(
            name,
            kind,
            array(arrays, "items.rows"),
            array(arrays, "items.vectors"),
            users,
            array(arrays, "users.vectors"),
        )
        if len(source.items) != len(source.vectors) or len(users) != len(source.user_vectors):
            raise BadArtifact(f"{name}: {len(source.items)} items and {len(users)} users do not fit the vectors")
        return source

    @cached_property
    def directions(self) -> Array:
        """The item vectors at length 1 (a vector of zeros stays one)."""
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        directions: Array = self.vectors / np.where(lengths > 0, lengths, 1)
        return directions

    def of_items(self, items: Any) -> Array:
        """The directions of these items as rows; zeros for an item without a vector."""
        if not len(self.items):
            return np.zeros((len(items), 1), np.float32)
        places = np.searchsorted(self.items, items).clip(max=len(self.items) - 1)
        known = self.items.take(places) == items
        directions: Array = self.directions[places] * known[:, None]
        return directions

    def pool(self, ask: Ask) -> Pool | None:
        """The items closest to the user's vector or, for a user without one, to the anchors."""
        user = -1 if ask.cosine else found(self.users, ask.subjects)
        if user >= 0:
            return self._closest(self.user_vectors[user], PERSONAL, "collaborative", ask)
        wanted = self._folded(ask)
        return None if wanted is None else self._closest(wanted, SESSION, "embedding_similarity", ask)

    def _folded(self, ask: Ask) -> Array | None:
        places = np.searchsorted(self.items, ask.anchors)
        known = np.flatnonzero(places < len(self.items))
        known = known[self.items[places[known]] == ask.anchors[known]]
        weights = ask.anchor_weights[known].astype(np.float32)
        if not weights.sum() > 0:
            return None
        vectors = self.directions if ask.cosine else self.vectors
        folded: Array = weights @ vectors[places[known]] / weights.sum()
        return folded

    def _closest(self, wanted: Array, level: int, reason: str, ask: Ask) -> Pool | None:
        scores = (self.directions if ask.cosine else self.vectors) @ wanted
        items, scores = _allowed(self.items, scores, ask)
        if level == SESSION:
            places = _others(items, ask.anchors)
            items, scores = items.take(places), scores.take(places)
        if len(items) > 2 * ask.depth:
            places = (scores >= np.partition(scores, -ask.depth)[-ask.depth] - np.float32(1e-6)).nonzero()[0]
            items, scores = items.take(places), scores.take(places)
        scores = scores.round(6) + np.float32(0)  # no negative zeros: they would sort below zero
        return _pool(self.name, level, reason, *best_first(items, scores, ask.depth))


def found(map: StringMap, ids: tuple[str, ...]) -> int:
    """The index of the first of these ids that the map has, or -1."""
    for id in ids:
        index = map.find(id)
        if index >= 0:
            return index
    return -1


def cut(source: str, level: int, reason: str, row: tuple[Array, Array], ask: Ask) -> Pool | None:  # noqa: PLR0917
    """The pool of a list that is stored best first."""
    items, values = _allowed(*row, ask)
    return _pool(source, level, reason, items[: ask.depth], values[: ask.depth])


def _pool(source: str, level: int, reason: str, items: Array, values: Array) -> Pool | None:  # noqa: PLR0917
    return Pool(source, level, reason, items, values) if len(items) else None


def _allowed(items: Array, values: Array, ask: Ask) -> tuple[Array, Array]:
    if ask.allowed is None:
        return items, values
    places = ask.allowed.take(items).nonzero()[0]
    return items.take(places), values.take(places)


def _summed(items: Array, values: Array) -> tuple[Array, Array]:
    """Every item once, in index order, with the sum of its values (added in the order given)."""
    keys = np.left_shift(items.astype(np.int64), np.int64(32)) | np.arange(len(items))
    keys.sort()
    ordered = keys >> np.int64(32)
    first = np.empty(len(keys), np.bool_)
    first[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    starts = first.nonzero()[0]
    return ordered.take(starts), np.add.reduceat(values.take(keys & np.int64(0xFFFFFFFF)), starts)


def _others(items: Array, anchors: Items) -> Array:
    """The places of ``items`` (in index order) that are not anchors."""
    if not len(items):
        return np.zeros(0, np.int64)
    other = np.ones(len(items), np.bool_)
    places = np.searchsorted(items, anchors).clip(max=len(items) - 1)
    other[places[items.take(places) == anchors]] = False
    return other.nonzero()[0]
