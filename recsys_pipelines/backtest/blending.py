"""Blends of the algorithms that ran, by the same maths that the server uses (`recsys_algo.blend`), ties against them.

Each source gives its first ``POOL`` items. Learned weights come from the train side alone: every source is fitted once
more on an earlier or smaller part of it, and what is left tells which weights would have been best.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import polars as pl

from recsys_pipelines.algorithm import Algorithm
from recsys_pipelines.backtest.errors import UnknownChoice
from recsys_pipelines.backtest.job import Measured
from recsys_pipelines.backtest.preparing import Question, keep
from recsys_pipelines.backtest.running import Ran, Terms, run
from recsys_pipelines.backtest.splitting import Plan, inner
from recsys_pipelines.second_stage.offline import By, NothingToLearn, blended, learn_weights

POOL = 200
LEARNED = "learned"


@dataclass(frozen=True)
class Blend:
    """Which sources count how much; ``weights`` is None where they are to be learned, for ``sources`` (none: all)."""

    label: str
    weights: Mapping[str, float] | None
    by: By = "rank"
    sources: tuple[str, ...] = ()


class Blended(NamedTuple):
    """What came of a blend, and the weights that it had on each question."""

    ran: Ran
    weights: tuple[dict[str, float], ...]


@dataclass(frozen=True)
class Bench:
    """Where and how the sources of a blend can be run once more."""

    algorithms: Mapping[str, Algorithm]
    terms: Terms
    plan: Plan
    folder: Path


def parsed(text: str, labels: Iterable[str], by: By = "rank") -> Blend:
    """``ease=1,als=0.5`` or ``learned``, for these algorithms. Raises ``UnknownChoice``."""
    if text == LEARNED:
        return Blend("blend learned", None, by)
    known = tuple(labels)
    weights = dict(_weight(part, known) for part in text.split(","))
    if not sum(weights.values()) > 0:
        raise UnknownChoice(f"--blend {text!r}: at least one weight must be above 0")
    return Blend(f"blend {text}", weights, by)


def mixed(blend: Blend, ran: Mapping[str, Ran], questions: Sequence[Question], bench: Bench) -> Blended:
    """The blend's lists, one frame per question. Its costs are those of its sources and of what it does itself."""
    answers = [_on(blend, number, ran, question, bench=bench) for number, question in enumerate(questions)]
    recs, measured, weights = zip(*answers, strict=True)
    return Blended(Ran(blend.label, recs, measured), weights)


def against(lists: pl.DataFrame, truth: pl.DataFrame, depth: int) -> pl.DataFrame:
    """The lists with equal scores put in the order of `ranking`: what the user chose last, then by item."""
    chosen = truth.select("user_id", "item_id", chosen=True)
    joined = lists.join(chosen, on=["user_id", "item_id"], how="left").with_columns(
        pl.col("chosen").fill_null(value=False)
    )
    ordered = joined.sort("user_id", "score", "chosen", "item_id", descending=[False, True, False, False])
    ranked = ordered.with_columns(rank=pl.int_range(1, pl.len() + 1).over("user_id"))
    return ranked.filter(pl.col("rank") <= depth).select("user_id", "item_id", "rank", "score")


def _on(
    blend: Blend, number: int, ran: Mapping[str, Ran], question: Question, *, bench: Bench
) -> tuple[pl.DataFrame, Measured, dict[str, float]]:
    begin = perf_counter()
    weights = _learned(blend, question, bench) if blend.weights is None else dict(blend.weights)
    learned = perf_counter()
    lists = {label: each.recs[number] for label, each in ran.items() if weights.get(label, 0) > 0}
    everything = blended(lists, weights, k=POOL * len(lists), by=blend.by)
    recs = against(everything, question.truth, bench.terms.depth)
    costs = [ran[label].measured[number] for label in lists]
    measured = Measured(
        fit_s=sum(cost.fit_s for cost in costs) + learned - begin,
        recommend_s=sum(cost.recommend_s for cost in costs) + perf_counter() - learned,
        peak_mb=max(cost.peak_mb for cost in costs),
        base_mb=max(cost.base_mb for cost in costs),
    )
    return recs, measured, weights


def _learned(blend: Blend, question: Question, bench: Bench) -> dict[str, float]:
    """The best weights on a part of train that none of these fits has seen."""
    known = inner(question, bench.plan, bench.terms.seed)
    place = bench.folder / "inner"
    place.mkdir(exist_ok=True)
    keep(known, place)
    lists = {
        label: run(label, bench.algorithms[label], place, bench.terms, folder=bench.folder)[0]
        for label in blend.sources or bench.algorithms
    }
    try:
        return learn_weights(lists, known.truth, by=blend.by)
    except NothingToLearn as error:
        raise UnknownChoice(f"--blend {LEARNED}: {error}") from error


def _weight(part: str, known: Sequence[str]) -> tuple[str, float]:
    label, _, text = part.partition("=")
    label = label.strip()
    if label not in known:
        raise UnknownChoice(f"--blend {part!r}: {label!r} does not run; there are {', '.join(known)}")
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise UnknownChoice(f"--blend {part!r}: write a weight of at least 0, such as {label}=0.5")
    return label, weight
