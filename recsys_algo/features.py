"""What a second stage knows of a candidate: one function computes it for training and for serving.

Everything is read from the bundle, the question and what the sources proposed; nothing that a request does not have can
become a feature. Per source: ``rank``, what the candidate's rank there is worth (`recsys_algo.blend`, 0 if it was not
proposed), and ``score``, the source's own score as a share of the best candidate's. Then, for all: the blended score,
how many sources proposed it, its popularity (the share of the catalog's items that fewer users' histories hold), its
age in whole days, its price and that price over the median of the anchors', the share of the anchors' weight that has
its category and its brand, and how many anchors there are. What is not known is NaN: the score of a source that knows
neither the user nor the anchors or has no vector for the item, everything about anchors where there are none.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from recsys_algo.arrays import Array
from recsys_algo.blend import DAMPING
from recsys_algo.candidates import DEFAULT_SEGMENT, ItemNeighbors, ItemScores, Source, UserItems, found
from recsys_algo.catalog import EPOCH, MICROSECOND, NO_TIME
from recsys_algo.ranker import COMMON
from recsys_algo.situation import Situation
from recsys_algo.slate import Items, Keys, Pool, Slate
from recsys_algo.vectors import Vectors

DAY = 86_400_000_000  # microseconds
PLACES = 6  # of a score: what the width of the machine's vector units may change lies behind


def features(slate: Slate, situation: Situation, pools: Sequence[Pool], sources: Sequence[str]) -> Array:
    """One row per item of the slate, one column per name of `ranker.feature_names`; float64."""
    asked = {_plain(source.name): source for source, _ in situation.voices}
    proposed = dict(zip(asked, pools, strict=False))  # behind them are those of others: of the caller, of the ladder
    columns = np.empty((2 * len(sources) + len(COMMON), len(slate.items)))
    with situation.catalog.tally.places(slate.items) as places:
        head = _Head(slate.items, places)
        for number, name in enumerate(sources):
            columns[2 * number] = _ranks(head, proposed.get(name))
            columns[2 * number + 1] = _scores(head, asked.get(name), situation)
    common = columns[2 * len(sources) :]
    common[0] = slate.scores
    common[1] = np.count_nonzero(columns[0 : 2 * len(sources) : 2] > 0, axis=0)
    _write_item_columns(common[2:], slate.items, situation)
    return columns.T


class _Head(NamedTuple):
    """The candidates, and for every item of the catalog its place among them, from 1; 0 for all others."""

    items: Items
    places: Keys

    def sums(self, items: Items, values: Array) -> Array:
        """For each candidate the sum of the values that are about it."""
        return np.bincount(self.places[items], values, len(self.items) + 1)[1:]

    def listed(self, items: Items, values: Array) -> Array:
        """For each candidate the value that a list of distinct items has for it; 0 if it has none."""
        found = np.zeros(len(self.items) + 1)
        found[self.places[items]] = values
        return found[1:]


def _plain(name: str) -> str:
    """An artifact's name, whatever segment this version of it is for."""
    return name.partition("@")[0]


def _ranks(head: _Head, pool: Pool | None) -> Array:
    if pool is None:
        return np.zeros(len(head.items))
    return head.listed(pool.items, DAMPING / (DAMPING + np.arange(len(pool.items))))


def _scores(head: _Head, source: Source | None, situation: Situation) -> Array:
    own = None if source is None else _own_scores(head, source, situation)
    if own is None:
        return np.full(len(head.items), np.nan)
    largest = np.fmax.reduce(abs(own), initial=0.0)  # of those that are known
    return (own / largest).round(PLACES) if largest > 0 else own


def _own_scores(head: _Head, source: Source, situation: Situation) -> Array | None:
    """What the source's own numbers say about each candidate; None if it knows neither the user nor the anchors."""
    ask = situation.ask
    match source:
        case ItemScores():
            own = source.segments.find(ask.segment) if ask.segment != DEFAULT_SEGMENT else -1
            row = own if own >= 0 else source.everybody
            return head.listed(*source.rows.row(row)) if row >= 0 else None
        case UserItems():
            listed = source.row(ask.subjects)
            return None if listed is None else head.listed(*listed)
        case ItemNeighbors():
            if not len(ask.anchors):
                return None
            items, values, lengths = source.rows.gathered(ask.anchors)
            return head.sums(items, values * ask.anchor_weights.repeat(lengths))
        case Vectors():
            user = found(source.users, ask.subjects)
            wanted = source.user_vectors[user] if user >= 0 else source.folded(ask)
            return None if wanted is None else source.products(head.items, wanted)
    return None


def _write_item_columns(columns: Array, items: Items, situation: Situation) -> None:
    """The common features but the first two, in their order, into the rows of ``columns``."""
    catalog, anchors, popularity = situation.catalog, situation.ask.anchors, situation.bundle.popularity
    created, prices = catalog.created_at[items], _price(situation, anchors)
    columns[0] = np.nan if popularity is None else popularity[items]
    columns[1] = ((situation.query.now - EPOCH) // MICROSECOND - created) // DAY  # wraps around where it means nothing
    columns[1, created == NO_TIME] = np.nan
    columns[2] = _price(situation, items)
    columns[3] = columns[2] / _median(prices[prices > 0])
    columns[4] = _share(catalog.category, items, situation)
    columns[5] = _share(catalog.brand, items, situation)
    columns[6] = len(anchors)


def _median(values: Array) -> float:
    """NaN of nothing. (`np.median` takes ten times as long.)"""
    values.sort()
    middle = len(values) // 2
    return float(values[middle] + values[~middle]) / 2 if len(values) else np.nan


def _price(situation: Situation, items: Items) -> Array:
    minor = situation.catalog.price_minor[items].astype(np.float64)
    minor[minor < 0] = np.nan
    return minor


def _share(words: Items, items: Items, situation: Situation) -> Array:
    """The share of the anchors' weight that has the same word as each item; 0 for an item without one."""
    anchors, weights = situation.ask.anchors, situation.ask.anchor_weights
    total = weights.sum()
    if not total > 0:
        return np.full(len(items), np.nan)
    theirs = words[anchors]
    theirs[theirs < 0] = -2  # an item without a word has nothing in common with another one without
    same = words[items][:, None] == theirs
    share: Array = (same @ weights / total).round(PLACES)
    return share
