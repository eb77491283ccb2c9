"""What a trial is measured on: folds of train alone, each with the data to learn from and the items to find."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from recsys_eval.metrics.hits import match
from recsys_eval.metrics.ranking import ndcg
from recsys_pipelines.algorithm import Algorithm, TrainingData
from recsys_pipelines.backtest.preparing import Question, Weighs
from recsys_pipelines.backtest.ranking import Asked, ranked
from recsys_pipelines.backtest.scoring import full_scores
from recsys_pipelines.backtest.splitting import Plan, inner_folds


@dataclass(frozen=True)
class Fold:
    """One part of train to learn from, and what happened in another."""

    data: TrainingData
    asked: Asked


def folds(question: Question, plan: Plan, count: int, *, weighs: Weighs, seed: int) -> list[Fold]:
    """Folds of what the question knows (`splitting.inner_folds`); the truth of the question itself is not touched."""
    found = inner_folds(question, plan, seed, count)
    return [Fold(_embedded_once(each.training(weighs, seed)), each.asked) for each in found]


def values(algorithm: Algorithm, parts: Sequence[Fold], k: int) -> Iterator[float]:
    """The mean NDCG at ``k`` on one fold after the other."""
    for part in parts:
        full = full_scores(algorithm, part.data, part.asked.truth["user_id"].unique().sort())
        recs = ranked(full, part.asked, k)
        yield float(ndcg(match(recs, part.asked.truth), k).mean())


def _embedded_once(data: TrainingData) -> TrainingData:
    """The same, with the vectors of texts kept for the next trial: they do not depend on the settings."""
    return replace(data, embeddings=cache(data.embeddings))
