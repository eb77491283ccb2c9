"""Metrics of recommendations, per user and in all.

``evaluate`` computes them all; each metric is also a function of its own, over ``match(recs, truth)`` or
``indexed(recs, catalog)``.
"""

from recsys_eval.metrics.diversity import diversity
from recsys_eval.metrics.evaluation import Metrics, evaluate
from recsys_eval.metrics.habits import calibration_gap, popularity_bias, repeat_rate, serendipity
from recsys_eval.metrics.hits import Hits, Matched, match, matched
from recsys_eval.metrics.lists import Lists, coverage, gini, indexed, long_tail_share, novelty
from recsys_eval.metrics.ranking import (
    RANKING,
    auc,
    average_precision,
    capped_average_precision,
    hit_rate,
    ndcg,
    ndcg_full,
    one_user,
    precision,
    recall,
    reciprocal_rank,
)
from recsys_eval.metrics.ties import against_ties, ranked

__all__ = [
    "RANKING",
    "Hits",
    "Lists",
    "Matched",
    "Metrics",
    "against_ties",
    "auc",
    "average_precision",
    "calibration_gap",
    "capped_average_precision",
    "coverage",
    "diversity",
    "evaluate",
    "gini",
    "hit_rate",
    "indexed",
    "long_tail_share",
    "match",
    "matched",
    "ndcg",
    "ndcg_full",
    "novelty",
    "one_user",
    "popularity_bias",
    "precision",
    "ranked",
    "recall",
    "reciprocal_rank",
    "repeat_rate",
    "serendipity",
]
