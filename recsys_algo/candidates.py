"""Candidate sources, one per shape: whatever algorithm made a table, its shape says how to ask it.

A source answers an ``Ask`` with a ``Pool``: distinct items, best first, equal scores by item id; an empty one when it
knows nothing of the user, the anchors or the segment. Where ``allowed`` is given, items outside of it are passed over
before the pool is cut, so that filters cannot starve it. (The source of vectors has a module of its own.)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol, Self

import msgspec
import numpy as np

from data_contracts.tables import Shape
from recsys_algo.arrays import Array, Arrays, Rows, part
from recsys_algo.catalog import Catalog
from recsys_algo.slate import HALF, LOW, NO_ITEMS, Items, Mask, Pool, distinct
from recsys_algo.stringmap import StringMap
from recsys_algo.tally import Tally

PERSONAL, SESSION, SEGMENT, SURFACE, TENANT, LATEST, EDITORIAL, EMPTY = range(8)  # the rungs of the fallback ladder
DEFAULT_SEGMENT = "default"
REASONS = {  # of kinds whose evidence is another than that of their shape
    "latest": "new_item",
    "buy_again": "repeat_purchase",
    "content": "content_similarity",
    "transitions": "session_sequence",
    "session_knn": "session_sequence",
}


class Ask(msgspec.Struct, frozen=True, eq=False):  # as cheap to make as a tuple
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

    def pool(self, ask: Ask) -> Pool:
        """The best ``ask.depth`` candidates."""


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

    def pool(self, ask: Ask) -> Pool:
        """The list of the segment if there is one, otherwise the list for everybody."""
        own = self.segments.find(ask.segment) if ask.segment != DEFAULT_SEGMENT else -1
        if own >= 0:
            return self._pool(own, SEGMENT, ask)
        return self._pool(self.everybody, SURFACE, ask)

    def segment_pool(self, segment: str, ask: Ask) -> Pool:
        """The list of exactly this segment, such as ``category:audio``."""
        return self._pool(self.segments.find(segment), SEGMENT, ask)

    def _pool(self, row: int, level: int, ask: Ask) -> Pool:
        items = cut(self.rows.row(row)[0], ask) if row >= 0 else NO_ITEMS
        return Pool(self.name, level, REASONS.get(self.kind, "recent_popularity"), items)


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

    def pool(self, ask: Ask) -> Pool:
        """The user's list."""
        row = self.row(ask.subjects)
        items = NO_ITEMS if row is None else cut(row[0], ask)
        return Pool(self.name, PERSONAL, REASONS.get(self.kind, "personalization"), items)


@dataclass(frozen=True, eq=False)
class ItemNeighbors:
    """For an item, those that go with it."""

    name: str
    kind: str
    rows: Rows
    tally: Tally
    shape: ClassVar[Shape] = "item_neighbors"

    @classmethod
    def of(cls, name: str, kind: str, arrays: Arrays, catalog: Catalog) -> Self:
        """The source in these arrays. Raises ``BadArtifact``."""
        return cls(name, kind, Rows.of(arrays, len(catalog)), catalog.tally)

    def pool(self, ask: Ask) -> Pool:
        """The neighbours of the anchors, by the sum over anchors of weight times score; never an anchor itself."""
        return Pool(self.name, SESSION, REASONS.get(self.kind, "co_visitation"), self._neighbors(ask))

    def _neighbors(self, ask: Ask) -> Items:
        if len(ask.anchors) < 2:  # noqa: PLR2004  (nothing to sum up)
            return cut(self.rows.row(int(ask.anchors[0]))[0], ask) if len(ask.anchors) else NO_ITEMS
        neighbors, values, lengths = self.rows.gathered(ask.anchors)
        items = neighbors.astype(np.int64)
        values = values * (ask.anchor_weights * self._scale(ask.anchor_weights)).repeat(lengths)
        if ask.allowed is not None:
            keep = ask.allowed[items]
            items, values = items[keep], values[keep]
        totals = self.tally.totals(items, values.astype(np.int64))
        totals <<= HALF
        best = distinct(items - totals)[: ask.depth + len(ask.anchors)] & LOW
        return without(best, ask.anchors, len(self.rows.indptr))[: ask.depth]

    def _scale(self, weights: Array) -> float:
        """What makes every possible sum a whole number of 30 bits."""
        return 2**30 / (sum(weights.tolist()) * self._largest or 1.0)

    @cached_property
    def _largest(self) -> float:
        return float(abs(self.rows.values).max(initial=0.0))


def found(map: StringMap, ids: tuple[str, ...]) -> int:
    """The index of the first of these ids that the map has, or -1."""
    for id in ids:
        index = map.find(id)
        if index >= 0:
            return index
    return -1


def cut(items: Items, ask: Ask) -> Items:
    """The head of a list that is stored best first."""
    return (items if ask.allowed is None else items[ask.allowed[items]])[: ask.depth]


def without(items: Items, unwanted: Items, count: int) -> Items:
    """The items but the unwanted ones, in order; all are below ``count``."""
    wanted = np.ones(count, np.bool_)
    wanted[unwanted] = False
    return items[wanted[items]]
