"""Choosing ``k`` items so that they differ: one per parent, capped brands, categories and tags, and relevance traded
for novelty (maximal marginal relevance; Carbonell & Goldstein, 1998, SIGIR).

All of it happens inside one selection loop, whose order is final. Where items have to be compared by likeness, the loop
looks at the head of the slate; the list is then filled to ``k`` from the rest, in order. Filling up never relaxes a
cap: rather a short list than one that breaks its rules. ``min_brands`` is a wish: where the slate has no further brand,
the list is filled anyway.
"""

from collections import defaultdict
from collections.abc import Callable
from math import inf

import numpy as np

from recsys_algo.arrays import Array
from recsys_algo.caps import Caps
from recsys_algo.situation import Situation
from recsys_algo.slate import Items, Slate

NO_CAPS = Caps(None, None, {})


def select(slate: Slate, situation: Situation) -> Slate:
    """At most ``k`` items of the slate, in the order of the answer.

    Where places are kept for new items, the others stand behind these, for the next stage to choose from.
    """
    if situation.reserve is None:
        return _selected(slate, situation)
    chosen = _selected(slate if situation.reserve.filled else slate.kept(slate.scores >= 0), situation)
    rest = slate.kept(~situation.catalog.mask(chosen.items)[slate.items])
    return Slate(np.concatenate((chosen.items, rest.items)), np.concatenate((chosen.scores, rest.scores)))


def _selected(slate: Slate, situation: Situation) -> Slate:
    compares = situation.mmr_lambda < 1 or situation.min_brands > 1
    if not compares and situation.caps is None:
        return _one_per_parent(slate, situation)
    chosen = Chosen(situation)
    head = 0
    if compares:
        head = situation.window if situation.mmr_lambda < 1 else len(slate.items)
        _choose_from_head(Slate(slate.items[:head], slate.scores[:head]), situation, chosen)
    _fill(slate.items[head:], head, situation, chosen)
    return slate.at(np.array(chosen.places, np.int64))


def _one_per_parent(slate: Slate, situation: Situation) -> Slate:
    k, taken, group = situation.k, situation.taken, situation.catalog.group
    head = Slate(slate.items[:k], slate.scores[:k])
    if not situation.dedupe_parent or not (taken or situation.catalog.has_variants):
        return head
    groups = group[head.items].tolist()
    if len(set(groups)) == len(groups) and taken.isdisjoint(groups):
        return head
    places: list[int] = []
    for items in (slate.items[: 2 * k], slate.items):  # mostly, a part is enough
        if len(places) < k:
            places = _first_of_each(group[items].tolist(), k, set(taken))
    return slate.at(np.array(places, np.int64))


def _first_of_each(groups: list[int], most: int, taken: set[int]) -> list[int]:
    places = []
    for place, group in enumerate(groups):
        if group not in taken:
            taken.add(group)
            places.append(place)
            if len(places) == most:
                break
    return places


class Chosen:
    """What the selection loop has chosen so far, and what that leaves room for."""

    def __init__(self, situation: Situation) -> None:
        catalog, caps = situation.catalog, situation.caps or NO_CAPS
        self.places: list[int] = []
        self.brands: dict[int, int] = {}
        # What is counted by a word of each item, and how often a word may occur: of one parent, one item is enough.
        # A memoryview yields one number three times as fast as an array does.
        self._limits: list[tuple[memoryview, dict[int, int], float]] = [
            (catalog.brand.data, self.brands, inf if caps.brand is None else caps.brand)
        ]
        if caps.category is not None:
            self._limits.append((catalog.category.data, {}, caps.category))
        if situation.dedupe_parent and (situation.taken or catalog.has_variants):
            self._limits.append((catalog.group.data, dict.fromkeys(situation.taken, 1), 1))
        self._tag_caps, self._tags_of = caps.tags, catalog.tags
        self._tags: defaultdict[int, int] = defaultdict(int)

    def admits(self, item: int) -> bool:
        """Whether the item breaks no cap; once it does, it always will."""
        for words, counts, most in self._limits:
            word = words[item]
            if word >= 0 and counts.get(word, 0) >= most:
                return False
        return not self._tag_caps or all(self._tags[tag] < self._tag_caps[tag] for tag in self._capped_tags(item))

    def take(self, place: int, item: int) -> None:
        """Choose the item at this place of the slate."""
        self.places.append(place)
        for words, counts, _ in self._limits:
            word = words[item]
            counts[word] = counts.get(word, 0) + 1
        if self._tag_caps:
            for tag in self._capped_tags(item):
                self._tags[tag] += 1

    def _capped_tags(self, item: int) -> list[int]:
        return [tag for tag in self._tags_of(item).tolist() if tag in self._tag_caps]


def _fill(items: Items, first: int, situation: Situation, chosen: Chosen) -> None:
    for place, item in enumerate(items.tolist(), first):
        if len(chosen.places) >= situation.k:
            return
        if chosen.admits(item):
            chosen.take(place, item)


def _choose_from_head(head: Slate, situation: Situation, chosen: Chosen) -> None:
    """Again and again the item of the best margin: lambda x score - (1 - lambda) x likeness to what is chosen."""
    weight, items = situation.mmr_lambda, head.items.tolist()
    likeness = _likeness(head.items, situation) if weight < 1 else None
    margin, likest = weight * head.scores, np.zeros(len(items))
    for _ in items:
        if len(chosen.places) == situation.k:
            return
        place = int(_preferred(margin - (1 - weight) * likest, head.items, situation, chosen).argmax())
        margin[place] = -np.inf  # not again
        if chosen.admits(items[place]):
            chosen.take(place, items[place])
            if likeness is not None:
                np.maximum(likest, likeness(place).round(6), out=likest)


def _preferred(margin: Array, items: Items, situation: Situation, chosen: Chosen) -> Array:
    """The margin; of items of new brands alone once every free place is needed for one, and while there are any."""
    if situation.min_brands < 2:  # noqa: PLR2004  (any list has one)
        return margin
    known = [brand for brand in chosen.brands if brand >= 0]
    if situation.min_brands - len(known) < situation.k - len(chosen.places):
        return margin
    brands = situation.catalog.brand[items]
    of_new_brands = np.where((brands >= 0) & ~np.isin(brands, known), margin, -np.inf)
    return of_new_brands if of_new_brands.max() > -np.inf else margin


def _likeness(items: Items, situation: Situation) -> Callable[[int], Array]:
    """How like each item is to the one at a place, at most 1: the cosine of vectors, or the Jaccard index of tags."""
    if situation.vectors is not None:
        rows = situation.vectors.directions(items)
        return lambda place: rows @ rows[place]
    tags = situation.catalog.tag_matrix(items)
    sizes = tags.sum(axis=1)

    def jaccard(place: int) -> Array:
        common = tags @ tags[place]
        index: Array = common / np.maximum(sizes + sizes[place] - common, 1)
        return index

    return jaccard
