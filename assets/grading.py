"""One surface, graded: the candidate as served, each of its sources alone, and the incumbent, on one fixture."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from assets.choosing import SEED, Ask, Choice, Entry, chosen, measured
from assets.evidence import with_latency
from data_contracts.documents import TenantDocument
from recsys_algo.bundle import Bundle
from recsys_algo.situation import Answer
from recsys_eval import Metrics, Verdict, decide, evaluate
from recsys_pipelines.decisions import Interval, Judgement, SecondStageChoice
from recsys_pipelines.incumbent import Incumbent, incumbent
from recsys_pipelines.replay import Fixture, answers, recs
from recsys_pipelines.workshop import Workshop


class Graded(NamedTuple):
    """Everything that was measured about one surface; ``replies`` are the candidate's answers by user."""

    surface: str
    bundle: Bundle
    replies: Mapping[str, Answer]
    blend: Metrics
    algorithms: Mapping[str, Metrics]
    incumbent: Metrics | None
    baseline: Incumbent
    verdict: Verdict
    choice: Choice | None = None


def grade(shop: Workshop, entry: Entry, surface: str, *, ask: Ask = answers) -> Graded:
    """Measure the candidate on a surface and ask the gate; ``ask`` gets the core's answers for a list of users."""
    document, fixture = entry.document, entry.fixture
    cuts = document.evaluation.k
    bundle, replies, choice = chosen(entry, surface, ask)
    baseline = incumbent(shop, document.tenant, surface, fixture.cut)
    if not fixture.users:
        return unmeasured(document, bundle, baseline)._replace(choice=choice)
    blend = with_latency(measured(replies, fixture, cuts), bundle, (document, fixture))
    theirs = baseline_metrics(baseline, fixture, cuts)
    again = measured(ask(bundle, fixture.users, max(cuts), fixture.cut), fixture, cuts)
    rng = np.random.default_rng(SEED)
    verdict = decide(blend, theirs, document.gate, rng=rng, repeat=again, evidence=entry.evidence)
    alone = {name: measured_alone(bundle, name, fixture, cuts) for name, weight in weighed(bundle) if weight > 0}
    return Graded(surface, bundle, replies, blend, alone, theirs, baseline, verdict, choice)


def unmeasured(document: TenantDocument, bundle: Bundle, baseline: Incumbent) -> Graded:
    """The grade where nobody did anything in the test days: nothing was measured, so nothing is claimed."""
    reason = f"nobody acted on the catalog in the last {document.evaluation.test_days} days, so nothing can be measured"
    verdict = Verdict(decision="ungated", reason=reason, metric=document.gate.metric, users=0, candidate=0.0)
    nothing = Metrics({}, pl.DataFrame(schema={"user_id": pl.String}))
    return Graded(bundle.surface, bundle, {}, nothing, {}, None, Incumbent(None, baseline.generation, reason), verdict)


def weighed(bundle: Bundle) -> list[tuple[str, float]]:
    """The sources of the surface with their weights, by name."""
    return sorted(bundle.ranking.weights.items())


def measured_alone(bundle: Bundle, source: str, fixture: Fixture, cuts: Sequence[int]) -> Metrics:
    """The metrics of one source by itself; what a fallback would have filled in does not count for it."""
    replies = answers(bundle, fixture.users, max(cuts), fixture.cut, weights={source: 1.0})
    rows = recs(replies, only_source=source)
    return evaluate(rows, fixture.truth, cuts, train=fixture.train, catalog=fixture.catalog)


def baseline_metrics(baseline: Incumbent, fixture: Fixture, cuts: Sequence[int]) -> Metrics | None:
    """The incumbent's metrics on the candidate's fixture."""
    if baseline.bundle is None:
        return None
    return measured(answers(baseline.bundle, fixture.users, max(cuts), fixture.cut), fixture, cuts)


def judged(graded: Graded) -> Judgement:
    """What is kept of a graded surface."""
    verdict = graded.verdict
    ungated = verdict.decision == "ungated" and graded.baseline.reason
    return Judgement(
        surface=graded.surface,
        decision=verdict.decision,
        reason=graded.baseline.reason if ungated else verdict.reason,
        metrics=graded.blend.summary,
        algorithms={name: metrics.summary for name, metrics in graded.algorithms.items()},
        baseline_generation=graded.baseline.generation,
        interval=interval(verdict),
        second_stage=graded.choice and recorded(graded.choice),
    )


def recorded(choice: Choice) -> SecondStageChoice:
    """What is kept of the choice between a second stage and the plain blend."""
    return SecondStageChoice(
        model=choice.model,
        chosen=choice.chosen,
        reason=choice.reason,
        plain=choice.plain.summary if choice.plain else {},
        learned=choice.learned.summary if choice.learned else {},
        interval=interval(choice.verdict) if choice.verdict else None,
    )


def interval(verdict: Verdict) -> Interval | None:
    """The verdict's interval, if there was something to compare with."""
    if verdict.difference is None or verdict.low is None or verdict.high is None:
        return None
    return Interval(difference=verdict.difference, low=verdict.low, high=verdict.high)
