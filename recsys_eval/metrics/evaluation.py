"""All metrics of one set of recommendations: a value per user, and the summary that reports and gates read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys_eval.errors import InvalidFrame, UnknownMetric
from recsys_eval.frames import checked_catalog, checked_train
from recsys_eval.metrics.diversity import diversity, traits_of
from recsys_eval.metrics.hits import Ints, Vector, match
from recsys_eval.metrics.lists import Lists, coverage, gini, indexed, long_tail_share, novelty
from recsys_eval.metrics.ranking import RANKING


@dataclass(frozen=True)
class Metrics:
    """``summary``: metric name such as ``ndcg@10`` -> value. ``per_user``: user_id and a column per ranking metric.

    ``per_user`` has one row per user in truth, sorted; the summary of a ranking metric is the mean of its column.

    Stability: public
    """

    summary: dict[str, float]
    per_user: pl.DataFrame

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

    ``train`` (user_id, item_id) gives novelty; ``catalog`` (item_id; category or tags) gives coverage, Gini and
    diversity, which ``vectors`` (entity, id, vector) refine; both together give the long-tail share. A list metric
    that is not defined, such as the diversity of lists of one item, is left out. ``empty_rate`` is the share of users
    in truth for whom nothing was recommended; ``label_coverage`` the share of truth that the catalog knows, which is
    as high as recall can get.

    >>> recs = pl.DataFrame({"user_id": ["ann", "ann"], "item_id": ["a", "b"], "rank": [1, 2]})
    >>> truth = pl.DataFrame({"user_id": ["ann", "bob"], "item_id": ["b", "a"]})
    >>> measured = evaluate(recs, truth, k=2)
    >>> measured.summary["mrr@2"], measured.summary["empty_rate"]  # ann: 1/2, bob: 0
    (0.25, 0.5)

    Stability: public
    """
    cuts = _cuts(k)
    hits = match(recs, truth)
    columns = {f"{name}@{cut}": metric(hits, cut) for cut in cuts for name, metric in RANKING.items()}
    summary = {name: float(np.mean(values)) for name, values in columns.items()}
    summary["empty_rate"] = float(np.mean(~hits.users.is_in(recs["user_id"].unique().implode()).to_numpy()))
    background = Background.of(train, catalog, vectors)
    summary |= background.ceiling(truth) | background.summary(recs, cuts)
    return Metrics(summary, pl.DataFrame({"user_id": hits.users, **columns}))


@dataclass(frozen=True)
class Background:
    """What recommendations are seen against: the catalog, and who had what before."""

    catalog: pl.DataFrame | None
    train: pl.DataFrame | None
    vectors: pl.DataFrame | None

    @classmethod
    def of(cls, train: pl.DataFrame | None, catalog: pl.DataFrame | None, vectors: pl.DataFrame | None) -> "Background":
        """The three tables, checked."""
        return cls(
            catalog=None if catalog is None else checked_catalog(catalog),
            train=None if train is None else checked_train(train),
            vectors=vectors,
        )

    def ceiling(self, truth: pl.DataFrame) -> dict[str, float]:
        """How much of the truth could have been found at all."""
        if self.catalog is None:
            return {}
        return {"label_coverage": float(np.mean(truth["item_id"].is_in(self.catalog["item_id"].implode()).to_numpy()))}

    def summary(self, recs: pl.DataFrame, cuts: tuple[int, ...]) -> dict[str, float]:
        """The list metrics that are defined, at each cut."""
        lists = indexed(recs, pl.Series(dtype=pl.String) if self.catalog is None else self.catalog["item_id"])
        owners, users = self._owners(lists.items)
        traits = None if self.catalog is None else traits_of(lists.items, self.catalog, self.vectors)
        values: dict[str, float] = {}
        for cut in cuts:
            top = lists.top(cut)
            values |= {f"{name}@{cut}": value for name, value in self._of_catalog(top, owners)}
            if self.train is not None:
                values[f"novelty@{cut}"] = _mean(novelty(top, owners, users))
            if traits is not None:
                values[f"diversity@{cut}"] = _mean(diversity(top, traits))
        return {name: value for name, value in values.items() if np.isfinite(value)}

    def _of_catalog(self, top: Lists, owners: Ints) -> Iterator[tuple[str, float]]:
        if self.catalog is None:
            return
        shown = top.shown[: self.catalog.height]
        yield "coverage", coverage(shown)
        if not shown.sum():
            return
        yield "gini", gini(shown)
        yield "unknown_share", float(1 - shown.sum() / top.item.size)
        if self.train is not None:
            yield "long_tail_share", long_tail_share(shown, owners[: shown.size])

    def _owners(self, items: pl.Series) -> tuple[Ints, int]:
        if self.train is None:
            return np.zeros(len(items), dtype=np.int64), 0
        counts = self.train.group_by("item_id").agg(owners=pl.len())
        aligned = items.to_frame("item_id").join(counts, on="item_id", how="left", maintain_order="left")
        return aligned["owners"].fill_null(0).to_numpy().astype(np.int64), self.train["user_id"].n_unique()


def _cuts(k: int | Sequence[int]) -> tuple[int, ...]:
    cuts = (k,) if isinstance(k, int) else tuple(k)
    if not cuts or min(cuts) < 1:
        raise InvalidFrame(f"k is {k}; pass one or several list lengths of at least 1, such as 10")
    return cuts


def _mean(values: Vector) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if defined.size else float("nan")
