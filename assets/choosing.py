"""The second stage of a surface against the plain blend: both answer for the same users, and the gate chooses."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from data_contracts.documents import SecondStage, TenantDocument
from recsys_algo.bundle import Bundle, open_encoded
from recsys_algo.encode import Encoded
from recsys_algo.situation import Answer
from recsys_eval import Evidence, Metrics, Verdict, decide, evaluate
from recsys_pipelines.replay import Fixture, answers, recs

Ask = Callable[[Bundle, Sequence[str], int, datetime], Mapping[str, Answer]]
SEED = 1  # of the bootstrap: the same data gives the same interval


class Entry(NamedTuple):
    """What is to be graded: the evaluated fit of a tenant's candidate, the question it has to answer, and what is
    known besides."""

    document: TenantDocument
    encoded: Sequence[Encoded]
    fixture: Fixture
    evidence: Evidence = Evidence()


class Choice(NamedTuple):
    """Whether the second stage is served, and why; measurements are None where there was nothing to measure."""

    model: str
    chosen: bool
    reason: str
    plain: Metrics | None = None
    learned: Metrics | None = None
    verdict: Verdict | None = None


class Chosen(NamedTuple):
    """The bundle that is to be judged, its answers by user, and how it was chosen, if there was a choice."""

    bundle: Bundle
    replies: Mapping[str, Answer]
    choice: Choice | None = None


def chosen(entry: Entry, surface: str, ask: Ask = answers) -> Chosen:
    """The surface with its second stage if the gate prefers that to the plain blend, or else without."""
    plain = opened(entry, surface, [artifact for artifact in entry.encoded if artifact.shape != "ranker"])
    theirs = replied(entry, plain, ask)
    wanted = entry.document.on(surface).second_stage
    if wanted is None:
        return Chosen(plain, theirs)
    learned = opened(entry, surface, entry.encoded)
    if learned.ranker is None and learned.learned is None:
        reason = "the plain blend is served: too few users acted on a candidate for a second stage to be learned"
        return Chosen(plain, theirs, Choice(wanted.model, chosen=False, reason=reason))
    if not entry.fixture.users:
        reason = "the plain blend is served: nobody acted in the test days, so nothing can be compared"
        return Chosen(plain, theirs, Choice(wanted.model, chosen=False, reason=reason))
    ours = replied(entry, learned, ask)
    choice = compared(entry, wanted, (theirs, ours))
    return Chosen(learned, ours, choice) if choice.chosen else Chosen(plain, theirs, choice)


def compared(entry: Entry, wanted: SecondStage, replies: tuple[Mapping[str, Answer], Mapping[str, Answer]]) -> Choice:
    """The gate's word on the second stage, with the plain blend as the incumbent; ``replies`` are plain, learned."""
    document = entry.document
    plain, learned = (measured(each, entry.fixture, document.evaluation.k) for each in replies)
    verdict = decide(learned, plain, document.gate, rng=np.random.default_rng(SEED))
    against = objection(document, wanted, verdict)
    if against:
        return Choice(wanted.model, False, f"the plain blend is served: {against}", plain, learned, verdict)
    return Choice(wanted.model, True, f"{wanted.model} is served: {verdict.reason}", plain, learned, verdict)


def objection(document: TenantDocument, wanted: SecondStage, verdict: Verdict) -> str | None:
    """What speaks against the second stage, or None."""
    if verdict.decision != "promoted":
        return f"the gate says {verdict.decision} of {wanted.model}: {verdict.reason}"
    difference, low = verdict.difference, verdict.low
    if difference is None or low is None:
        return f"{document.gate.metric} of the plain blend is 0, so {wanted.model} cannot be compared with it"
    if wanted.chosen == "better" and low <= 0:
        return f"{wanted.model} is not certainly better: {verdict.reason}"
    return f"{wanted.model} is worse on average: {verdict.reason}" if difference < 0 else None


def opened(entry: Entry, surface: str, artifacts: Sequence[Encoded]) -> Bundle:
    """The evaluated fit of these artifacts, as a server would open it."""
    document = entry.document
    return open_encoded(document.tenant, surface, artifacts, document.on(surface), entry.fixture.cut)


def replied(entry: Entry, bundle: Bundle, ask: Ask) -> Mapping[str, Answer]:
    """The answers for the fixture's users, as long as the longest list that is measured."""
    return ask(bundle, entry.fixture.users, max(entry.document.evaluation.k), entry.fixture.cut)


def measured(replies: Mapping[str, Answer], fixture: Fixture, cuts: Sequence[int]) -> Metrics:
    """The metrics of what was answered."""
    return evaluate(recs(replies), fixture.truth, cuts, train=fixture.train, catalog=fixture.catalog)
