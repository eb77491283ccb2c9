"""Places that are kept for new items: what nobody has touched yet gets a chance to be.

Of the first n items of a list, at least the share of n, rounded down, are new, for every n. So with a share of a tenth
the tenth place, the twentieth and so on go to a new item, unless enough of those before are new by their own merit. New
items come by their score if any source proposed them (content similarity does so for items without interactions), then
the newest first. They pass the same filters and caps as all others, and where no further one does, the place goes to
the next best item.
"""

from collections.abc import Iterator
from math import floor

import numpy as np

from recsys_algo.arrays import Array
from recsys_algo.candidates import LATEST
from recsys_algo.diversity import Chosen
from recsys_algo.situation import Reserve, Situation
from recsys_algo.slate import NO_ITEMS, Items, Mask, Pool, Slate
from recsys_algo.stages import FILTERS

EXACT = 1e-9  # ten times 0.1 are one place, though not in floating point


def fresh(situation: Situation, proposed: Items) -> Pool:
    """The new items that pass all filters and were not proposed anyway, newest first, as many as a source may give."""
    items = _passing(situation)
    known = situation.catalog.mask(proposed)
    return Pool("new_items", LATEST, "new_item", items[~known[items]][: situation.window])


def reserve_new(slate: Slate, situation: Situation) -> Slate:
    """The first ``k`` that can be chosen, a new one wherever the share of new ones would fall behind."""
    reserve = situation.reserve
    if reserve is None:
        return slate
    is_new = _is_new(situation.catalog.created_at[slate.items], reserve)
    merit = iter(np.flatnonzero(reserve.filled | (slate.scores >= 0)).tolist())
    new = iter(np.flatnonzero(is_new).tolist())
    items, chosen, count = slate.items.tolist(), Chosen(situation), 0
    while len(chosen.places) < situation.k:
        is_due = floor((len(chosen.places) + 1) * reserve.share + EXACT) > count
        place = _next(new, items, chosen) if is_due else None
        place = _next(merit, items, chosen) if place is None else place
        if place is None:
            break
        chosen.take(place, items[place])
        count += bool(is_new[place])
    return slate.at(np.array(chosen.places, np.int64))


def _next(places: Iterator[int], items: list[int], chosen: Chosen) -> int | None:
    """The next of these places that is free and breaks no cap; those before it are asked about once and never again."""
    for place in places:
        if place not in chosen.places and chosen.admits(items[place]):
            return place
    return None


def _passing(situation: Situation) -> Items:
    reserve, catalog = situation.reserve, situation.catalog
    if reserve is None:
        return NO_ITEMS
    oldest_first = catalog.newest_times[::-1]
    first = len(catalog.newest) - int(oldest_first.searchsorted(reserve.until, "right"))
    last = len(catalog.newest) - int(oldest_first.searchsorted(reserve.since, "left"))
    items: Items = catalog.newest[first:last]
    for filter in FILTERS:
        keep = filter.keeps(items, situation)
        items = items if keep is None else items[keep]
    return items


def _is_new(created: Array, reserve: Reserve) -> Mask:
    new: Mask = (created >= reserve.since) & (created <= reserve.until)
    return new
