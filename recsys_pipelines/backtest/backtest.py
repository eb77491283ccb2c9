"""The backtest as a whole: questions and algorithms in, one record out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import polars as pl

from recsys_eval.metrics.definitions import DEFINITIONS, definition
from recsys_eval.metrics.evaluation import Metrics
from recsys_pipelines.algorithm import Algorithm
from recsys_pipelines.backtest.blending import POOL, Bench, Blend, mixed
from recsys_pipelines.backtest.comparing import against, comparisons, intervals, measured
from recsys_pipelines.backtest.preparing import Question
from recsys_pipelines.backtest.record import Backtest, Protocol, Result
from recsys_pipelines.backtest.running import Ran, Terms, laid_out, run_all
from recsys_pipelines.backtest.splitting import Plan, Posed

BASELINE = "popularity"
Told = Callable[[str, Result | None], None]  # a label begins (None), or is done


@dataclass(frozen=True, kw_only=True)
class Ask:
    """How it is split, what all algorithms have in common, how long lists are (ascending), what is blended."""

    plan: Plan
    terms: Terms = field(default_factory=Terms)
    k: tuple[int, ...] = (10,)
    blends: tuple[Blend, ...] = ()

    @property
    def main_metric(self) -> str:
        """What algorithms are compared by."""
        return f"ndcg@{self.k[-1]}"

    @property
    def pooled(self) -> Terms:
        """The terms with lists as long as metrics and blends need them."""
        return replace(self.terms, depth=max(*self.k, POOL if self.blends else 1))


def backtest(
    posed: Posed,
    algorithms: Mapping[str, Algorithm],
    ask: Ask,
    *,
    told: Told = lambda label, result: None,
) -> Backtest:
    """Run all algorithms on all questions, blend them, and compare by ``ndcg`` at the last of ``k``."""
    found = _Found(posed.questions, ask.k)
    with TemporaryDirectory(prefix="recsys-backtest-") as made:
        folder = Path(made)
        bench = Bench(algorithms, ask.pooled, ask.plan, folder)
        every: dict[str, Ran] = {}
        for label, ran in run_all(algorithms, laid_out(posed.questions, folder), ask.pooled, folder):
            if ran is not None:
                every[label] = ran
                found.add(ran, algorithms[label].name, msgspec.to_builtins(algorithms[label]))
            told(label, found.results.get(label))
        for blend in ask.blends:
            told(blend.label, None)
            ran, weights = mixed(blend, every, posed.questions, bench)
            found.add(ran, "blend", {"by": blend.by, "weights": list(weights)})
            told(blend.label, found.results[blend.label])
    return Backtest(
        protocol=protocol(posed, ask),
        results=tuple(found.results.values()),
        comparisons=comparisons(found.metrics, ask.main_metric, ask.terms.seed),
        against_popularity=against(found.metrics, _popularity(algorithms), ask.main_metric, seed=ask.terms.seed),
        definitions=_definitions(found.results.values()),
        warnings=(*posed.warnings, *_notes(every.values())),
    )


class _Found:
    """Results and metrics by label, as they come."""

    def __init__(self, questions: Sequence[Question], k: Sequence[int]) -> None:
        self.results: dict[str, Result] = {}
        self.metrics: dict[str, Metrics] = {}
        self._questions, self._k = questions, k

    def add(self, ran: Ran, kind: str, settings: dict[str, Any]) -> None:
        """Measure the lists, at the lengths that were asked for."""
        lists = [recs.filter(pl.col("rank") <= max(self._k)) for recs in ran.recs]
        metrics = measured(lists, self._questions, self._k)
        self.metrics[ran.label] = metrics
        self.results[ran.label] = Result(
            algorithm=ran.label,
            kind=kind,
            settings=settings,
            metrics={name: round(value, 12) for name, value in metrics.summary.items()},  # the same on any machine
            intervals=intervals(metrics),
            fit_s=round(sum(each.fit_s for each in ran.measured), 3),
            recommend_s=round(sum(each.recommend_s for each in ran.measured), 3),
            peak_mb=round(max(each.peak_mb for each in ran.measured), 1),
            base_mb=round(max(each.base_mb for each in ran.measured), 1),
        )


def protocol(posed: Posed, ask: Ask) -> Protocol:
    """What was asked."""
    return Protocol(
        split=ask.plan.kind,
        folds=len(posed.questions),
        train_events=sum(question.events.height for question in posed.questions),
        truth_pairs=sum(question.truth.height for question in posed.questions),
        users=sum(question.truth["user_id"].n_unique() for question in posed.questions),
        items=max(question.catalog.height for question in posed.questions),
        k=ask.k,
        seen_removed=not ask.plan.keep_seen,
        candidates=any(question.allowed is not None for question in posed.questions),
        seed=ask.terms.seed,
    )


def _popularity(algorithms: Mapping[str, Algorithm]) -> str | None:
    """The label of the first algorithm that is popularity, if any."""
    return next((label for label, algorithm in algorithms.items() if algorithm.name == BASELINE), None)


def _notes(every: Iterable[Ran]) -> Iterable[str]:
    """What the algorithms warned of, each once."""
    return dict.fromkeys(note for ran in every for measured in ran.measured for note in measured.notes)


def _definitions(results: Iterable[Result]) -> dict[str, str]:
    names = dict.fromkeys(name.partition("@")[0] for result in results for name in result.metrics)
    return {name: definition(name) for name in names if name in DEFINITIONS}
