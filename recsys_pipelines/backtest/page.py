"""A backtest as one page for people: which algorithm to take, by how much it is ahead, and what each one costs.

It needs nothing but itself: styles and drawings inside, no script. Everything that comes from files is escaped.
"""

from collections.abc import Sequence
from pathlib import Path

import jinja2

from recsys_eval.charts import bars
from recsys_eval.facts import System
from recsys_eval.metrics.definitions import definition, shown
from recsys_eval.pages import TEMPLATES
from recsys_pipelines.backtest.record import Backtest, Result

OWN = Path(__file__).parents[1] / "templates"
PLOTTED = ("ndcg", "recall", "hit_rate", "coverage")
COSTS = {
    "fit_s": ("Seconds to learn", "With several folds, in all."),
    "recommend_s": ("Seconds to recommend", "To score and rank all items for all users that were asked for."),
    "peak_mb": ("Peak memory, MB", "Of the algorithm's own process: interpreter, libraries and data included."),
}


def page(report: Backtest) -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([OWN, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    main = f"ndcg@{report.protocol.k[-1]}"
    results = best_first(report.results, main)
    return environment.get_template("backtest.html.j2").render(
        report=report,
        results=results,
        main=main,
        headline=headline(report, results),
        metrics=_metrics(results),
        quality=_plots(results, [f"{name}@{report.protocol.k[-1]}" for name in PLOTTED]),
        costs=_costs(results),
    )


def best_first(results: Sequence[Result], metric: str) -> list[Result]:
    """By the metric, ties by name."""
    return sorted(results, key=lambda each: (-each.metrics[metric], each.algorithm))


def headline(report: Backtest, results: Sequence[Result]) -> str:
    """What to do, in a sentence."""
    if not report.comparisons:
        return f"{results[0].algorithm} ran alone; there is nothing to compare it with."
    behind = [each.than for each in report.comparisons if not each.certain]
    best = report.comparisons[0].better
    if not behind:
        return f"Take {best}: it is certainly ahead of all others."
    return f"Take {best}, or one that it is not certainly ahead of: {', '.join(behind)}."


def _metrics(results: Sequence[Result]) -> list[tuple[str, str]]:
    """All that was measured, with what it means."""
    names = dict.fromkeys(name for result in results for name in result.metrics)
    return [(name, definition(name)) for name in names]


def _plots(results: Sequence[Result], metrics: Sequence[str]) -> list[tuple[str, str, str]]:
    systems = [
        System(name=each.algorithm, kind="algorithm", metrics=each.metrics, intervals=each.intervals)
        for each in results
    ]
    drawn = [metric for metric in metrics if any(metric in each.metrics for each in results)]
    return [(m, bars(f"quality{n}", m, systems, m), definition(m)) for n, m in enumerate(drawn)]


def _costs(results: Sequence[Result]) -> list[tuple[str, str, str]]:
    systems = [
        System(name=each.algorithm, kind="algorithm", metrics={name: getattr(each, name) for name in COSTS})
        for each in results
    ]
    return [
        (title, bars(f"cost{n}", title, systems, name), told) for n, (name, (title, told)) in enumerate(COSTS.items())
    ]
