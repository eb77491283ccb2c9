"""List metrics against what people did before: how popular, how repeated, how true to a user's mix, how surprising.

Indices are those of ``Lists``; ``owners`` is how many users had each of ``lists.items`` in train. One value per list,
so users without a list do not count, but for ``serendipity``: it is about hits, and there they count 0.
"""

from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_array  # type: ignore[import-untyped]  # scipy has no stubs

from recsys_eval.metrics.hits import Hits, Ints, Vector
from recsys_eval.metrics.lists import Lists, mean_per_list

Cells = Any  # a csr_array
SMOOTHING = 0.01  # Steck's alpha: how much of the user's own mix is added to the list's, so that no share is 0


def popularity_bias(lists: Lists, owners: Ints) -> Vector:
    """How popular the recommended items are, over what people choose by themselves: 1 is alike, 2 twice as popular.

    Mean owners per place over the mean owners per interaction of train (the popularity lift of Abdollahpouri et al.,
    2020, RecSys, for all users at once).

    >>> recs = pl.DataFrame({"user_id": ["ann", "bob"], "item_id": ["hit", "rare"], "rank": [1, 1]})
    >>> from recsys_eval.metrics import indexed
    >>> two = indexed(recs, pl.Series(["hit", "rare"]))
    >>> popularity_bias(two, owners=np.array([3, 1])).tolist()  # people choose (3 * 3 + 1 * 1) / 4 = 2.5
    [1.2, 0.4]

    Stability: public
    """
    usual = np.sum(owners.astype(np.float64) ** 2) / max(owners.sum(), 1)
    total = np.bincount(lists.list, weights=owners[lists.item], minlength=lists.count).astype(np.float64)
    return mean_per_list(total, lists.lengths * usual)


def repeat_rate(lists: Lists, had: Cells) -> Vector:
    """Share of places that hold an item which the user already had before.

    ``had`` is a row per list and a column per item, 1 where the user of the list had the item in train.

    >>> recs = pl.DataFrame({"user_id": ["ann", "ann"], "item_id": ["tea", "cup"], "rank": [1, 2]})
    >>> from recsys_eval.metrics import indexed
    >>> repeat_rate(indexed(recs, pl.Series(["cup", "tea"])), csr_array(np.array([[0.0, 1.0]]))).tolist()  # tea again
    [0.5]

    Stability: public
    """
    return mean_per_list(_placed(lists).multiply(had).sum(axis=1), lists.lengths)


def calibration_gap(lists: Lists, had: Cells, kinds: Cells) -> Vector:
    """How far the mix of categories in a list is from that of the user's past: 0 the same mix, 4.6 nothing in common.

    Kullback-Leibler divergence in nats of the list's shares from the past's, the former smoothed by 1 % of the latter
    (Steck, 2018, RecSys). ``had`` as in ``repeat_rate``; ``kinds`` is a row per item that sums to 1 over its
    categories, or is empty. A user without a past is nan, and so is a list of which no item has a category.

    >>> recs = pl.DataFrame({"user_id": ["ann", "ann"], "item_id": ["cup", "tea"], "rank": [1, 2]})
    >>> from recsys_eval.metrics import indexed
    >>> china_and_food = csr_array(np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> calibration_gap(indexed(recs, pl.Series(["cup", "tea"])), csr_array(np.ones((1, 2))), china_and_food).tolist()
    [0.0]

    Stability: public
    """
    past, mix = _shares(had @ kinds), _shares(_placed(lists) @ kinds)
    both = [csr_array(one.multiply(other.sign())) for one, other in ((past, mix), (mix, past))]
    for cells in both:
        cells.sort_indices()  # those of a product come in any order
    both = [cells.tocoo() for cells in both]
    rows, own, shown = both[0].row, both[0].data, both[1].data  # the same cells in the same order
    terms = own * np.log(own / ((1 - SMOOTHING) * shown + SMOOTHING * own))
    missing = past.sum(axis=1) - np.bincount(rows, weights=own, minlength=lists.count)
    gap = np.bincount(rows, weights=terms, minlength=lists.count) - missing * np.log(SMOOTHING)
    known = (past.sum(axis=1) > 0) & (mix.sum(axis=1) > 0)
    return np.where(known, np.maximum(gap.round(12), 0.0), np.nan)


def serendipity(hits: Hits, k: int, obvious: Ints) -> Vector:
    """Share of the first k places that hold a relevant item which is not among the k most popular ones.

    Useful and not obvious (Ge et al., 2010, RecSys): the k items that most train users had are what anybody would have
    shown. ``obvious`` is 1 for each of the user's hits (in the order of ``hits``) that is among them.

    >>> from recsys_eval.metrics import one_user
    >>> serendipity(one_user(ranks=[1, 3], relevant=3), 4, obvious=np.array([1, 0])).tolist()  # 1 of 4 places
    [0.25]

    Stability: public
    """
    inside = hits.rank <= k
    return hits.top(k).total(1 - obvious[inside]) / k


def most_popular(owners: Ints, k: int) -> Ints:
    """The ``k`` items that most users had, at least one; of equals the first in the catalog's order."""
    best = np.argsort(-owners, kind="stable")[:k]
    return best[owners[best] > 0]


def past_of(lists: Lists, users: pl.Series, train: pl.DataFrame) -> Cells:
    """What the user of each list had: a row per list (``users`` in their order), a column per item, 1 for each pair."""
    rows = users.to_frame("user_id").with_row_index("row")
    columns = lists.items.to_frame("item_id").with_row_index("column")
    pairs = train.join(rows, on="user_id").join(columns, on="item_id").sort("row", "column")
    cells = (np.ones(pairs.height), (pairs["row"].to_numpy(), pairs["column"].to_numpy()))
    return csr_array(cells, shape=(len(users), len(lists.items)))


def _placed(lists: Lists) -> Cells:
    ones = np.ones(lists.item.size)
    return csr_array((ones, (lists.list, lists.item)), shape=(lists.count, len(lists.items)))


def _shares(counts: Cells) -> Cells:
    total = counts.sum(axis=1)
    return csr_array(counts.multiply(1 / np.where(total > 0, total, 1)[:, None]))
