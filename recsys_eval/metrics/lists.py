"""List metrics: what the recommendations are like, whether or not they are right.

Indices refer to ``items``: the catalog in the order of its ids, then recommended items that the catalog does not know.
The catalog is all that could have been recommended, not what was: an engine that shows 10 of 1,000 items covers 1 %.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from recsys_eval.metrics.hits import Ints, Vector

HEAD_SHARE = (
    0.2  # the short head: the fifth of the catalog that most train users had (Abdollahpouri et al., 2019, FLAIRS)
)


@dataclass(frozen=True)
class Lists:
    """The recommended lists as indices: one entry per place, ``item`` into ``items`` and ``list`` in 0..count-1.

    Stability: public
    """

    items: pl.Series
    count: int
    list: Ints
    item: Ints
    rank: Ints

    def top(self, k: int) -> "Lists":
        """Only the first ``k`` places."""
        inside = self.rank <= k
        return replace(self, list=self.list[inside], item=self.item[inside], rank=self.rank[inside])

    @property
    def shown(self) -> Ints:
        """How often each of ``items`` was recommended."""
        return np.bincount(self.item, minlength=len(self.items))

    @property
    def lengths(self) -> Ints:
        """How many items each list holds."""
        return np.bincount(self.list, minlength=self.count)


def indexed(recs: pl.DataFrame, catalog: pl.Series) -> Lists:
    """``recs`` (user_id, item_id, rank) as indices; ``catalog`` holds item ids and may be empty.

    Stability: public
    """
    recommended = recs["item_id"].unique().sort()
    strangers = recommended.filter(~recommended.is_in(catalog.implode()))
    items = pl.concat([catalog.alias("item_id"), strangers])
    users = recs["user_id"].unique().sort()
    return Lists(
        items=items,
        count=len(users),
        list=_codes(recs["user_id"], users),
        item=_codes(recs["item_id"], items),
        rank=recs["rank"].to_numpy().astype(np.int64),
    )


def coverage(shown: Ints) -> float:
    """Share of the catalog that stands in at least one list.

    ``shown`` is how often each item of the catalog was recommended.

    >>> coverage(np.array([5, 1, 0, 0]))
    0.5

    Stability: public
    """
    return float(np.mean(shown > 0))


def gini(shown: Ints) -> float:
    """How unequally the catalog is shown: 0 if every item equally often, near 1 if all places hold one item.

    >>> gini(np.array([2, 2, 2, 2])), gini(np.array([0, 0, 0, 8]))  # the second is (n - 1) / n
    (0.0, 0.75)

    Stability: public
    """
    ordered = np.sort(shown)
    n = ordered.size
    return float(np.dot(2 * np.arange(1, n + 1) - n - 1, ordered) / (n * ordered.sum()))


def long_tail_share(shown: Ints, owners: Ints) -> float:
    """Share of places that hold an item outside the most popular fifth of the catalog.

    ``owners``: how many train users had each item; of equals the first in the catalog's order is the more popular.

    >>> long_tail_share(shown=np.array([6, 1, 1, 0, 0]), owners=np.array([9, 3, 3, 1, 0]))  # head: the first item
    0.25

    Stability: public
    """
    head = np.argsort(-owners, kind="stable")[: int(np.ceil(HEAD_SHARE * owners.size))]
    return float(1 - shown[head].sum() / shown.sum())


def novelty(lists: Lists, owners: Ints, users: int) -> Vector:
    """How little known the recommended items are, in bits: each bit halves the share of users who had the item.

    Mean self-information, -log2 of that share (Zhou et al., 2010, PNAS); an item that nobody had counts as if one user
    had it.

    >>> recs = pl.DataFrame({"user_id": ["ann", "ann"], "item_id": ["hit", "rare"], "rank": [1, 2]})
    >>> two = indexed(recs, pl.Series(["hit", "rare"]))
    >>> novelty(two, owners=np.array([8, 2]), users=8).tolist()  # (log2(8/8) + log2(8/2)) / 2
    [1.0]

    Stability: public
    """
    surprise = np.log2(users) - np.log2(np.maximum(owners, 1))
    total = np.bincount(lists.list, weights=surprise[lists.item], minlength=lists.count)
    return mean_per_list(total.astype(np.float64), lists.lengths)


def mean_per_list(total: Vector, count: Ints | Vector) -> Vector:
    """``total / count``, nan where there is nothing to count."""
    mean: Vector = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def _codes(values: pl.Series, known: pl.Series) -> Ints:
    return values.cast(pl.Enum(known)).to_physical().to_numpy().astype(np.int64)
