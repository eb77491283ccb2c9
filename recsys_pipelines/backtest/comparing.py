"""From lists to numbers: all metrics of each algorithm, and by how much the best is ahead, with intervals.

With several folds a user's value is the mean over the folds that ask for the user, so that users stay the unit;
metrics of whole lists, such as coverage, are means over the folds.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from recsys_eval.metrics.evaluation import Metrics, evaluate
from recsys_eval.statistics import mean_interval, percentiles, resampled_means
from recsys_pipelines.backtest.preparing import Question
from recsys_pipelines.backtest.record import Comparison

RESAMPLES = 2_000
CONFIDENCE = 0.95


def measured(recs: Sequence[pl.DataFrame], questions: Sequence[Question], k: Sequence[int]) -> Metrics:
    """All metrics of one algorithm's lists, one frame per question."""
    folds = [
        evaluate(
            lists.select("user_id", "item_id", "rank"),
            question.truth,
            k,
            train=question.events.select("user_id", "item_id"),
            catalog=_described(question.catalog),
        )
        for lists, question in zip(recs, questions, strict=True)
    ]
    if len(folds) == 1:
        return folds[0]
    every = pl.concat([fold.per_user for fold in folds])
    users = every.group_by("user_id").agg(pl.all().fill_nan(None).mean()).sort("user_id")
    return Metrics(_together(folds, users), users)


def intervals(metrics: Metrics) -> dict[str, tuple[float, float]]:
    """For each ranking metric where its mean would lie with other users like these."""
    names = [name for name in metrics.per_user.columns if name != "user_id"]
    values = {name: metrics.per_user[name].fill_nan(None).drop_nulls().to_numpy() for name in names}
    found = {name: mean_interval(each, CONFIDENCE) for name, each in values.items()}
    return {name: (interval.low, interval.high) for name, interval in found.items() if interval}


def comparisons(all_metrics: Mapping[str, Metrics], metric: str, seed: int) -> tuple[Comparison, ...]:
    """The best by the metric against each other one, best first; ties by name."""
    means = {label: metrics.summary[metric] for label, metrics in all_metrics.items()}
    best, *others = sorted(means, key=lambda label: (-means[label], label))
    return tuple(paired(all_metrics, (best, other), metric, seed) for other in others)


def against(
    all_metrics: Mapping[str, Metrics], baseline: str | None, metric: str, *, seed: int
) -> tuple[Comparison, ...]:
    """Each other one against the baseline, in the order given; nothing without a baseline."""
    others = [label for label in all_metrics if baseline is not None and label != baseline]
    return tuple(paired(all_metrics, (label, str(baseline)), metric, seed) for label in others)


def paired(all_metrics: Mapping[str, Metrics], pair: tuple[str, str], metric: str, seed: int) -> Comparison:
    """The mean difference of two on the same users, by bootstrap over users."""
    better, than = (all_metrics[label].values(metric).to_numpy() for label in pair)
    differences = better - than
    low, high = percentiles(resampled_means(differences, RESAMPLES, np.random.default_rng(seed)), CONFIDENCE)
    return Comparison(
        metric=metric,
        better=pair[0],
        than=pair[1],
        difference=round(float(differences.mean()), 12),
        low=low,
        high=high,
        confidence=CONFIDENCE,
        certain=low > 0 or high < 0,
    )


def _described(catalog: pl.DataFrame) -> pl.DataFrame:
    """What the metrics of whole lists read; without categories there is no diversity to speak of."""
    known = catalog["category"].null_count() < catalog.height
    return catalog.select("item_id", "category") if known else catalog.select("item_id")


def _together(folds: Sequence[Metrics], users: pl.DataFrame) -> dict[str, float]:
    means = {
        name: float(np.nanmean(users[name].fill_null(np.nan).to_numpy())) for name in users.columns if name != "user_id"
    }
    names = dict.fromkeys(name for fold in folds for name in fold.summary)
    return {
        name: means.get(name, float(np.mean([fold.summary[name] for fold in folds if name in fold.summary])))
        for name in names
    }
