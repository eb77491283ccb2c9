"""Ranking metrics: one value per user, in 0..1, from the hits.

All take ``Hits`` and return one value per user **in truth**, in the order of ``hits.users``: a user for whom nothing
was recommended scores 0, rather than going missing and flattering the mean. The definitions are those of trec_eval with
binary relevance, where trec_eval has the metric.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from recsys_eval.metrics.hits import Hits, Ints, Vector

RankingMetric = Callable[[Hits, int], Vector]


def precision(hits: Hits, k: int) -> Vector:
    """Share of the first k places that hold a relevant item; a list shorter than k has empty places.

    >>> precision(one_user(ranks=[1, 3], relevant=3), 4).tolist()  # 2 of 4 places
    [0.5]

    Stability: public
    """
    return _count(hits, k) / k


def recall(hits: Hits, k: int) -> Vector:
    """Share of the user's relevant items that stand on the first k places.

    >>> recall(one_user(ranks=[1, 3], relevant=8), 4).tolist()  # 2 of 8 items
    [0.25]

    Stability: public
    """
    return _count(hits, k) / hits.relevant


def hit_rate(hits: Hits, k: int) -> Vector:
    """1 if any of the first k places holds a relevant item, else 0.

    >>> hit_rate(one_user(ranks=[3], relevant=5), 3).tolist(), hit_rate(one_user(ranks=[3], relevant=5), 2).tolist()
    ([1.0], [0.0])

    Stability: public
    """
    return np.minimum(_count(hits, k), 1.0)


def ndcg(hits: Hits, k: int) -> Vector:
    """Hits weighted by place (1, 0.63, 0.5, 0.43, ...) over the best that was possible: 1 is a perfect list.

    Binary normalized discounted cumulative gain (Järvelin & Kekäläinen, 2002, TOIS), discount 1 / log2(rank + 1). The
    ideal list holds min(k, relevant) hits, so that a user with few relevant items can reach 1.

    >>> ndcg(one_user(ranks=[3], relevant=1), 3).tolist()  # 1/log2(4) over 1/log2(2)
    [0.5]

    Stability: public
    """
    top = hits.top(k)
    reachable = np.minimum(hits.relevant, k)
    possible: Vector = np.cumsum(_discount(np.arange(1, int(reachable.max(initial=1)) + 1)))
    ideal: Vector = possible[reachable - 1]
    return top.total(_discount(top.rank)) / ideal


def ndcg_full(hits: Hits, k: int) -> Vector:
    """NDCG against the best list of any length: a user with more than k relevant items cannot reach 1.

    The ideal holds all relevant items, as in trec_eval's ``ndcg`` of a list that was cut at k; ``ndcg`` is its
    ``ndcg_cut``. Others divide by an ideal of k hits even where there are fewer to find: name the one you mean.

    >>> ndcg_full(one_user(ranks=[1], relevant=2), 1).round(4).tolist()  # 1 / (1 + 1/log2(3))
    [0.6131]

    Stability: public
    """
    top = hits.top(k)
    possible: Vector = np.cumsum(_discount(np.arange(1, int(hits.relevant.max(initial=1)) + 1)))
    return top.total(_discount(top.rank)) / possible[hits.relevant - 1]


def auc(hits: Hits, k: int, irrelevant: Ints) -> Vector:
    """Share of the pairs of a chosen and another item of the catalog that the first k places put in the right order.

    The area under the ROC curve (Hanley & McNeil, 1982, Radiology) of a list that was cut: what stands on it is above
    all that does not, and a pair of which neither stands on it is not right, as ties count against the model. A list of
    the whole catalog gives the usual AUC. ``irrelevant`` is how many items of the catalog each user did not choose.

    >>> auc(one_user(ranks=[1, 4], relevant=2), 10, np.array([3])).tolist()  # 3 of 3 pairs, and 1 of 3
    [0.6666666666666666]

    Stability: public
    """
    top = hits.top(k)
    below = np.maximum(irrelevant[top.user] - (top.rank - top.nth), 0)
    pairs = hits.relevant * irrelevant
    share: Vector = np.divide(top.total(below), pairs, out=np.zeros(pairs.shape), where=pairs > 0)
    return share


def average_precision(hits: Hits, k: int) -> Vector:
    """Precision at the rank of each hit within the first k, summed, over all relevant items of the user.

    The mean over users is MAP at k, as in trec_eval's ``map_cut`` and the published tables of Microsoft Recommenders. A
    user with more than k relevant items cannot reach 1.

    >>> average_precision(one_user(ranks=[1, 4], relevant=3), 10).tolist()  # (1/1 + 2/4) / 3
    [0.5]

    Stability: public
    """
    return _precision_sum(hits, k) / hits.relevant


def capped_average_precision(hits: Hits, k: int) -> Vector:
    """Average precision over min(k, relevant) items: a list full of hits scores 1 however many there were to find.

    >>> capped_average_precision(one_user(ranks=[1, 2], relevant=8), 2).tolist()  # (1/1 + 2/2) / 2
    [1.0]

    Stability: public
    """
    return _precision_sum(hits, k) / np.minimum(hits.relevant, k)


def reciprocal_rank(hits: Hits, k: int) -> Vector:
    """1 over the rank of the first hit, 0 if there is none within k (Voorhees, 1999, TREC-8).

    >>> reciprocal_rank(one_user(ranks=[4, 5], relevant=2), 10).tolist()
    [0.25]

    Stability: public
    """
    top = hits.top(k)
    return top.total((top.nth == 1) / top.rank)


RANKING: Mapping[str, RankingMetric] = {
    "precision": precision,
    "recall": recall,
    "ndcg": ndcg,
    "ndcg_full": ndcg_full,
    "map": average_precision,
    "map_capped": capped_average_precision,
    "mrr": reciprocal_rank,
    "hit_rate": hit_rate,
}


def one_user(ranks: Sequence[int], relevant: int) -> Hits:
    """The hits of a single user, by hand: for examples and tests.

    Stability: public
    """
    return Hits(
        users=pl.Series(["one"]),
        relevant=np.array([relevant]),
        user=np.zeros(len(ranks), dtype=np.int64),
        rank=np.array(sorted(ranks), dtype=np.int64),
    )


def _count(hits: Hits, k: int) -> Vector:
    top = hits.top(k)
    return top.total(np.ones(top.rank.size))


def _precision_sum(hits: Hits, k: int) -> Vector:
    top = hits.top(k)
    return top.total(top.nth / top.rank)


def _discount(rank: Ints) -> Vector:
    discount: Vector = 1.0 / np.log2(rank + 1.0)
    return discount
