"""The fallback ladder: what fills a list that the sources alone leave short.

Rungs, from the strongest evidence to the weakest: 2 the lists of the segment and of the anchors' categories, 3 what is
popular by the lists that the surface weighs, 4 by any other list of the tenant, 5 the newest items, 6 the surface's
editorial list. (0 and 1, the user and the session, are the sources themselves; 7 is an empty answer.) Rungs pass the
same filters and caps as everything else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from data_contracts.tables import Shape
from recsys_algo.candidates import EDITORIAL, LATEST, SEGMENT, SURFACE, TENANT, Ask, ItemScores, Source, cut
from recsys_algo.catalog import Catalog
from recsys_algo.shares import is_called
from recsys_algo.situation import Situation
from recsys_algo.slate import NO_ITEMS, Pool

NOT_POPULAR = ("trending", "latest")  # lists for everybody that say something else than what is popular


@dataclass(frozen=True, eq=False)
class Newest:
    """The catalog as a source: items with a creation time, newest first."""

    catalog: Catalog
    name: str = "latest"
    kind: str = "catalog"
    shape: ClassVar[Shape] = "item_scores"

    def pool(self, ask: Ask) -> Pool:
        """The newest items."""
        return Pool(self.name, LATEST, "new_item", cut(self.catalog.newest, ask))


def ladder(situation: Situation) -> tuple[Pool, ...]:
    """The rungs, strongest first, one pool each."""
    newest = Newest(situation.catalog).pool(situation.ask)
    return (
        _joined("segment", SEGMENT, "recent_popularity", _segment_lists(situation)),
        _joined("surface_popularity", SURFACE, "recent_popularity", _popular(situation, weighed=True)),
        _joined("tenant_popularity", TENANT, "recent_popularity", _popular(situation, weighed=False)),
        _joined("latest", LATEST, newest.reason, [newest]),
        _joined("editorial", EDITORIAL, "editorial", [_editorial(situation)]),
    )


def _joined(name: str, level: int, reason: str, pools: Iterable[Pool]) -> Pool:
    """The items of all the pools, one list after the other, each item once."""
    items = np.concatenate([*[pool.items for pool in pools], NO_ITEMS])
    _, first = np.unique(items, return_index=True)
    first.sort()
    return Pool(name, level, reason, items[first])


def _lists(situation: Situation) -> list[ItemScores]:
    """The lists for everybody, those of the largest weight first, and of one weight what is popular first."""
    weights = situation.bundle.ranking.weights
    lists = [source for source in situation.bundle.sources.values() if isinstance(source, ItemScores)]
    return sorted(lists, key=lambda source: (-weights.get(source.name, 0), not is_popularity(source), source.name))


def is_popularity(source: Source) -> bool:
    """Whether a list for everybody says what is popular, as far as its name or kind tells."""
    return not any(is_called(source, name) for name in NOT_POPULAR)


def _segment_lists(situation: Situation) -> Iterator[Pool]:
    catalog = situation.catalog
    categories = catalog.category[situation.ask.anchors].tolist()
    named = [f"category:{catalog.words[word]}" for word in dict.fromkeys(categories) if word >= 0]
    for segment in (situation.ask.segment, *named):
        yield from (source.segment_pool(segment, situation.ask) for source in _lists(situation))


def _popular(situation: Situation, *, weighed: bool) -> Iterator[Pool]:
    weights = situation.bundle.ranking.weights
    for source in _lists(situation):
        if (weights.get(source.name, 0) > 0) == weighed:
            yield source.segment_pool("", situation.ask)


def _editorial(situation: Situation) -> Pool:
    items = situation.catalog.ids.find_all(list(dict.fromkeys(situation.bundle.ranking.editorial)))
    return Pool("editorial", EDITORIAL, "editorial", cut(items[items >= 0], situation.ask))
