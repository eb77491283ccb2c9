"""All metrics of one set of recommendations: a value per user, and the summary that reports and gates read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys_eval.errors import InvalidFrame, UnknownMetric
from recsys_eval.metrics.background import Background
from recsys_eval.metrics.hits import matched
from recsys_eval.metrics.ranking import RANKING

LONGEST = 2**31 - 1


@dataclass(frozen=True)
class Metrics:
    """``summary``: metric name such as ``ndcg@10`` -> value. ``per_user``: user_id and a column per ranking metric.

    ``per_user`` has one row per user in truth, sorted; the summary of a ranking metric is the mean of its column.
    ``hits`` (user_id, item_id, rank) are the recommendations that were right, from which slices are measured.

    Stability: public
    """

    summary: dict[str, float]
    per_user: pl.DataFrame
    hits: pl.DataFrame | None = None

    def values(self, metric: str) -> pl.Series:
        """One ranking metric per user. Raises ``UnknownMetric``."""
        if metric not in self.per_user.columns or metric == "user_id":
            measured = ", ".join(name for name in self.per_user.columns if name != "user_id")
            raise UnknownMetric(f"metric {metric!r} was not measured per user; measured were {measured}")
        return self.per_user[metric]


def evaluate(
    recs: pl.DataFrame,
    truth: pl.DataFrame,
    k: int | Sequence[int],
    *,
    train: pl.DataFrame | None = None,
    catalog: pl.DataFrame | None = None,
    vectors: pl.DataFrame | None = None,
) -> Metrics:
    """Every metric at every ``k`` of ``recs`` (user_id, item_id, rank), for the users in ``truth`` (user_id, item_id).

    ``train`` (user_id, item_id) gives novelty, popularity bias, repeat rate and serendipity; ``catalog`` (item_id;
    category or tags) gives coverage, Gini, AUC and diversity, which ``vectors`` (entity, id, vector) refine; both
    together give the long-tail share and calibration. A list metric that is not defined, such as the diversity of lists
    of one item, is left out. ``empty_rate`` is the share of users in truth for whom nothing was recommended;
    ``label_coverage`` the share of truth that the catalog knows, which is as high as recall can get.

    Lists are in the order of ``rank``, also where scores are equal; ``against_ties`` deals such ranks out again.

    >>> recs = pl.DataFrame({"user_id": ["ann", "ann"], "item_id": ["a", "b"], "rank": [1, 2]})
    >>> truth = pl.DataFrame({"user_id": ["ann", "bob"], "item_id": ["b", "a"]})
    >>> measured = evaluate(recs, truth, k=2)
    >>> measured.summary["mrr@2"], measured.summary["empty_rate"]  # ann: 1/2, bob: 0
    (0.25, 0.5)

    Stability: public
    """
    cuts = _cuts(k)
    found = matched(recs, truth)
    hits, background = found.hits, Background.of(train, catalog, vectors)
    columns = {f"{name}@{cut}": metric(hits, cut) for cut in cuts for name, metric in RANKING.items()}
    columns |= background.per_user(found, truth, cuts)
    summary = {name: float(np.mean(values)) for name, values in columns.items()}
    summary["empty_rate"] = float(np.mean(~hits.users.is_in(_distinct(recs["user_id"]).implode()).to_numpy()))
    summary |= background.ceiling(truth) | background.summary(recs, cuts)
    return Metrics(summary, pl.DataFrame({"user_id": hits.users, **columns}), found.pairs)


def _cuts(k: int | Sequence[int]) -> tuple[int, ...]:
    cuts = (k,) if isinstance(k, int) else tuple(k)
    if not cuts or min(cuts) < 1:
        raise InvalidFrame(f"k is {k}; pass one or several list lengths of at least 1, such as 10")
    if max(cuts) > LONGEST:
        raise InvalidFrame(f"k is {max(cuts)}; no list is longer than {LONGEST}")
    return cuts


def _distinct(ids: pl.Series) -> pl.Series:
    """Each id once; runs of the same id, as lists have them, are shortened first, which is 5 times faster."""
    return ids.filter((ids != ids.shift(1)).fill_null(value=True)).unique()
