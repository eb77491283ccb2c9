"""The backtest as a whole: questions and algorithms in, one record out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from recsys_eval.metrics.definitions import DEFINITIONS, definition
from recsys_eval.metrics.evaluation import Metrics
from recsys_pipelines.algorithm import Algorithm
from recsys_pipelines.backtest.comparing import comparisons, intervals, measured
from recsys_pipelines.backtest.record import Backtest, Protocol, Result
from recsys_pipelines.backtest.running import Ran, Terms, laid_out, run_all
from recsys_pipelines.backtest.splitting import Plan, Posed

Told = Callable[[str, Result | None], None]  # a label begins (None), or is done


def backtest(
    posed: Posed,
    algorithms: Mapping[str, Algorithm],
    plan: Plan,
    *,
    terms: Terms,
    k: Sequence[int],
    told: Told = lambda label, result: None,
) -> Backtest:
    """Run all algorithms on all questions, and compare by ``ndcg`` at the last of ``k``."""
    results: dict[str, Result] = {}
    metrics: dict[str, Metrics] = {}
    with TemporaryDirectory(prefix="recsys-backtest-") as made:
        folder = Path(made)
        for label, ran in run_all(algorithms, laid_out(posed.questions, folder), terms, folder):
            if ran is not None:
                metrics[label] = measured(ran.recs, posed.questions, k)
                results[label] = _result(ran, algorithms[label], metrics[label])
            told(label, results.get(label))
    main_metric = f"ndcg@{k[-1]}"
    return Backtest(
        protocol=protocol(posed, plan, terms, k=k),
        results=tuple(results.values()),
        comparisons=comparisons(metrics, main_metric, terms.seed),
        definitions=_definitions(results.values()),
        warnings=posed.warnings,
    )


def protocol(posed: Posed, plan: Plan, terms: Terms, *, k: Sequence[int]) -> Protocol:
    """What was asked."""
    return Protocol(
        split=plan.kind,
        folds=len(posed.questions),
        train_events=sum(question.events.height for question in posed.questions),
        truth_pairs=sum(question.truth.height for question in posed.questions),
        users=sum(question.truth["user_id"].n_unique() for question in posed.questions),
        items=max(question.catalog.height for question in posed.questions),
        k=tuple(k),
        seen_removed=not plan.keep_seen,
        candidates=any(question.allowed is not None for question in posed.questions),
        seed=terms.seed,
    )


def _result(ran: Ran, algorithm: Algorithm, metrics: Metrics) -> Result:
    return Result(
        algorithm=ran.label,
        kind=algorithm.name,
        settings=msgspec.to_builtins(algorithm),
        metrics={name: round(value, 12) for name, value in metrics.summary.items()},  # the same on any machine
        intervals=intervals(metrics),
        fit_s=round(sum(each.fit_s for each in ran.measured), 3),
        recommend_s=round(sum(each.recommend_s for each in ran.measured), 3),
        peak_mb=round(max(each.peak_mb for each in ran.measured), 1),
        base_mb=round(max(each.base_mb for each in ran.measured), 1),
    )


def _definitions(results: Iterable[Result]) -> dict[str, str]:
    names = dict.fromkeys(name.partition("@")[0] for result in results for name in result.metrics)
    return {name: definition(name) for name in names if name in DEFINITIONS}
