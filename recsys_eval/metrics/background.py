"""What recommendations are seen against, the catalog and what people had before, and the metrics that need it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys_eval.frames import checked_catalog, checked_train
from recsys_eval.metrics.diversity import diversity, kinds_of, traits_of
from recsys_eval.metrics.habits import calibration_gap, most_popular, past_of, popularity_bias, repeat_rate, serendipity
from recsys_eval.metrics.hits import Ints, Matched, Vector
from recsys_eval.metrics.lists import Lists, coverage, gini, indexed, long_tail_share, novelty
from recsys_eval.metrics.ranking import auc

Named = Iterator[tuple[str, float]]


@dataclass(frozen=True)
class Background:
    """The catalog, who had what before, and what items are like; each may be None."""

    catalog: pl.DataFrame | None
    train: pl.DataFrame | None
    vectors: pl.DataFrame | None

    @classmethod
    def of(cls, train: pl.DataFrame | None, catalog: pl.DataFrame | None, vectors: pl.DataFrame | None) -> "Background":
        """The three tables, checked; a train without rows says as little as none."""
        past = None if train is None else checked_train(train)
        return cls(
            catalog=None if catalog is None else checked_catalog(catalog),
            train=None if past is None or past.is_empty() else past,
            vectors=vectors,
        )

    def ceiling(self, truth: pl.DataFrame) -> dict[str, float]:
        """How much of the truth could have been found at all."""
        if self.catalog is None:
            return {}
        return {"label_coverage": float(np.mean(truth["item_id"].is_in(self.catalog["item_id"].implode()).to_numpy()))}

    def per_user(self, found: Matched, truth: pl.DataFrame, cuts: tuple[int, ...]) -> dict[str, Vector]:
        """The metrics per user in truth that need more than the hits."""
        values: dict[str, Vector] = {}
        if self.catalog is not None:
            others = irrelevant(found, truth, self.catalog)
            values |= {f"auc@{cut}": auc(found.hits, cut, others) for cut in cuts}
        if self.train is not None:
            for cut in cuts:
                values[f"serendipity@{cut}"] = serendipity(found.hits, cut, self._obvious(found, cut))
        return values

    def summary(self, recs: pl.DataFrame, cuts: tuple[int, ...]) -> dict[str, float]:
        """The list metrics that are defined, at each cut."""
        if self.catalog is None and self.train is None:
            return {}
        lists = indexed(recs, pl.Series(dtype=pl.String) if self.catalog is None else self.catalog["item_id"])
        owners, users = self._owners(lists.items)
        had = None if self.train is None else past_of(lists, recs["user_id"].unique().sort(), self.train)
        traits = None if self.catalog is None else traits_of(lists.items, self.catalog, self.vectors)
        kinds = None if self.catalog is None or had is None else kinds_of(lists.items, self.catalog)
        values: dict[str, float] = {}
        for cut in cuts:
            top = lists.top(cut)
            named = dict(self._of_catalog(top, owners))
            if had is not None:
                named["novelty"] = _mean(novelty(top, owners, users))
                named["popularity_bias"] = _mean(popularity_bias(top, owners))
                named["repeat_rate"] = _mean(repeat_rate(top, had))
            if kinds is not None:
                named["calibration_gap"] = _mean(calibration_gap(top, had, kinds))
            if traits is not None:
                named["diversity"] = _mean(diversity(top, traits))
            values |= {f"{name}@{cut}": value for name, value in named.items()}
        return {name: value for name, value in values.items() if np.isfinite(value)}

    def _of_catalog(self, top: Lists, owners: Ints) -> Named:
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

    def _obvious(self, found: Matched, k: int) -> Ints:
        """For each hit, 1 if its item is among the ``k`` that most users of train had."""
        if self.train is None:
            return np.zeros(found.hits.rank.size, dtype=np.int64)
        items = self.train["item_id"].unique().sort()
        best = items[most_popular(self._owners(items)[0], k)]
        return found.pairs["item_id"].is_in(best.implode()).to_numpy().astype(np.int64)


def irrelevant(found: Matched, truth: pl.DataFrame, catalog: pl.DataFrame) -> Ints:
    """How many items of the catalog each user of truth did not choose."""
    known = truth.filter(pl.col("item_id").is_in(catalog["item_id"].implode())).group_by("user_id").agg(known=pl.len())
    users = found.hits.users.to_frame("user_id").join(known, on="user_id", how="left", maintain_order="left")
    return catalog.height - users["known"].fill_null(0).to_numpy().astype(np.int64)


def _mean(values: Vector) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if defined.size else float("nan")
