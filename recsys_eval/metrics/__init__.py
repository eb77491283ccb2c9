"""Metrics of recommendations, per user and in all.

``evaluate`` computes them all; each metric is also a function of its own, over ``match(recs, truth)`` or
``indexed(recs, catalog)``.
"""

from recsys_eval.metrics.diversity import diversity
from recsys_eval.metrics.evaluation import Metrics, evaluate
from recsys_eval.metrics.hits import Hits, match
from recsys_eval.metrics.lists import Lists, coverage, gini, indexed, long_tail_share, novelty
from recsys_eval.metrics.ranking import (
    RANKING,
    average_precision,
    capped_average_precision,
    hit_rate,
    ndcg,
    one_user,
    precision,
    recall,
    reciprocal_rank,
)

__all__ = [
    "RANKING",
    "Hits",
    "Lists",
    "Metrics",
    "average_precision",
    "capped_average_precision",
    "coverage",
    "diversity",
    "evaluate",
    "gini",
    "hit_rate",
    "indexed",
    "long_tail_share",
    "match",
    "ndcg",
    "novelty",
    "one_user",
    "precision",
    "recall",
    "reciprocal_rank",
]
