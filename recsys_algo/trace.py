"""Reading a trace: why an item was not returned, and what every source and stage did."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np

from recsys_algo.bundle import Bundle
from recsys_algo.situation import Answer, Situation, Trace
from recsys_algo.slate import Slate
from recsys_algo.stages import FILTERS

__all__ = ["Trace", "Verdict", "WhyNot", "summary", "why_not"]

Verdict = Literal[
    "returned", "below_k", "blocked_by_rule", "filtered", "excluded", "not_candidate", "unknown_item", "unavailable"
]
SAMPLE = 20  # dropped ids that a summary names per stage
_FILTERS = {filter.__name__: filter for filter in FILTERS}
_VERDICTS: dict[str, Verdict] = {
    "drop_excluded": "excluded",
    "drop_unavailable": "unavailable",
    "drop_blocked": "blocked_by_rule",
}


class WhyNot(NamedTuple):
    """What became of an item: the stage that dropped it, and how far it was from the list."""

    item_id: str
    verdict: Verdict
    stage: str
    detail: str
    score: float | None = None
    cutoff_score: float | None = None


def why_not(answer: Answer, bundle: Bundle, item_id: str) -> WhyNot:
    """Why the item is not in the answer, or that it is. ``cutoff_score`` is that of the last item returned."""
    index = bundle.catalog.ids.find(item_id)
    if index < 0:
        return WhyNot(item_id, "unknown_item", "catalog", "the catalog has no such item")
    steps = answer.trace.steps
    score = next((found for _, slate in reversed(steps) if (found := _score(slate, index)) is not None), None)
    cutoff = answer.items[-1].score if answer.items else None
    gone = next((name for name, slate in steps if index not in slate.items), None)
    if gone is None:
        rank = next(item.rank for item in answer.items if item.index == index)
        return WhyNot(item_id, "returned", "cut", f"it is at rank {rank}", score, cutoff)
    if gone == "candidates":
        gone = _filter_against(index, answer.trace.situation) or gone
    verdict, detail = _judged(answer, gone, index)
    return WhyNot(item_id, verdict, gone, detail, score, cutoff)


def _score(slate: Slate, index: int) -> float | None:
    places = (slate.items == index).nonzero()[0]
    return float(slate.scores[places[0]]) if len(places) else None


def _filter_against(index: int, situation: Situation) -> str | None:
    """The first filter that would have dropped the item, had it been a candidate."""
    alone = np.array([index], np.int32)
    masks = ((filter.__name__, filter.keeps(alone, situation)) for filter in FILTERS)
    return next((name for name, keep in masks if keep is not None and not keep[0]), None)


def _judged(answer: Answer, stage: str, index: int) -> tuple[Verdict, str]:
    if stage == "candidates":
        return "not_candidate", "no source proposed it"
    if stage in _FILTERS:
        return _VERDICTS.get(stage, "filtered"), f"filter: {_FILTERS[stage].keeps.__doc__}"
    if stage == "reserve_new" and index in dict(answer.trace.steps)["select"].items[: answer.trace.situation.k]:
        return "below_k", "its place is kept for a new item"
    rule = next(_rules_against(answer, index), None)
    if rule is not None:
        return "filtered", rule
    return "below_k", f"{answer.counts['returned']} items are better" + _penalized(answer, index)


def _penalized(answer: Answer, index: int) -> str:
    lost = answer.trace.penalties(index)
    return "".join(f"; {name} took {-points:.6f} of its score" for name, points in sorted(lost.items()))


def _rules_against(answer: Answer, index: int) -> Iterator[str]:
    """What the selection holds against the item: a variant that is there already, or a cap that is reached."""
    situation = answer.trace.situation
    catalog, caps, others = situation.catalog, situation.caps, [item.index for item in answer.items]
    group = int(catalog.group[index])
    if situation.dedupe_parent and group in situation.taken:
        yield "an anchor has the same parent"
    if situation.dedupe_parent and (same := [item for item in others if catalog.group[item] == group]):
        yield f"{catalog.ids[same[0]]!r} has the same parent"
    if caps is not None:
        tags = Counter(tag for item in others for tag in catalog.tags(item).tolist())
        for kind, most, words in (("brand", caps.brand, catalog.brand), ("category", caps.category, catalog.category)):
            word = int(words[index])
            if most is not None and word >= 0 and sum(int(words[item]) == word for item in others) >= most:
                yield f"the list has {most} items of {kind} {catalog.words[word]!r} already"
        for tag, most in caps.tags.items():
            if tag in catalog.tags(index) and tags[tag] >= most:
                yield f"the list has {most} items with tag {catalog.words[tag]!r} already"


def summary(answer: Answer) -> dict[str, Any]:
    """The trace as a document: candidates per source, and per stage how many went in and out and which were dropped."""
    trace = answer.trace
    ids = trace.situation.catalog.ids
    return {
        "sources": [
            {"name": pool.source, "level": pool.level, "reason": pool.reason, "count": len(pool.items)}
            for pool in trace.pools
        ],
        "stages": [
            {
                "name": name,
                "in": len(before.items),
                "out": len(after.items),
                "dropped_sample": ids.take(_dropped(before, after)[:SAMPLE]),
            }
            for (_, before), (name, after) in pairwise(trace.steps)
        ],
    }


def _dropped(before: Slate, after: Slate) -> list[int]:
    kept = set(after.items.tolist())
    return [item for item in before.items.tolist() if item not in kept]
