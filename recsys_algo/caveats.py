"""What a caller should know about a good answer, read off its trace."""

from collections.abc import Iterator

import numpy as np

from recsys_algo.candidates import DEFAULT_SEGMENT, SEGMENT
from recsys_algo.situation import Situation, Trace, Warning
from recsys_algo.stages import FILTERS, allowed
from recsys_algo.strategies import Plan


def warnings_of(trace: Trace, plan: Plan, level: int, strongest: list[int]) -> tuple[Warning, ...]:
    """The warnings of an answer that stands on ``level``; ``strongest`` is each item's pool, by number."""
    situation = trace.situation
    found = situation.warnings
    if situation.query.include_ids:
        found += tuple(_of_inclusion(situation))
    if situation.included is None and (trace.rungs or (plan.personal and level >= SEGMENT)):
        found += tuple(_of_fallback(trace, level, strongest))
    return (*found, *_of_shortness(situation, len(strongest))) if len(strongest) < situation.k else found


def _of_inclusion(situation: Situation) -> Iterator[Warning]:
    asked = len(set(situation.query.include_ids))
    known = situation.injected.items if situation.injected is not None else np.zeros(0, np.int32)
    keep = [mask for filter in FILTERS if (mask := filter.keeps(known, situation)) is not None]
    left = int(np.logical_and.reduce(keep).sum()) if keep else len(known)
    if len(known) < asked:
        yield Warning("UNKNOWN_ITEM", f"{asked - len(known)} of {asked} ids to include are not in the catalog")
    if left == 0:
        yield Warning("CANDIDATES_INCLUDE_EMPTY", f"none of the {asked} ids to include can be returned")
    elif left < len(known):
        yield Warning("CANDIDATES_INCLUDE_FILTERED", f"{len(known) - left} of {asked} ids to include were filtered out")


def _of_fallback(trace: Trace, level: int, strongest: list[int]) -> Iterator[Warning]:
    first = len(trace.pools) - trace.rungs
    rungs = dict.fromkeys(trace.pools[number].source for number in strongest if number >= first)
    if rungs:
        yield Warning("FALLBACK_USED", f"level {level}; filled up by {', '.join(rungs)}")
    elif level >= SEGMENT:
        yield Warning("FALLBACK_USED", f"level {level}; {_known_of(trace.situation, level)}")


def _known_of(situation: Situation, level: int) -> str:
    ask = situation.ask
    if level == SEGMENT and ask.segment != DEFAULT_SEGMENT and not len(ask.anchors):
        return f"of this user only the segment {ask.segment} is known"
    return "nothing is known of this user or these items"


def _of_shortness(situation: Situation, returned: int) -> Iterator[Warning]:
    if any(limit is not None for limit in (situation.tagged, situation.price, situation.created_after)):
        mask = allowed(situation)
        passing = len(situation.catalog) if mask is None else int(mask.sum())
        yield Warning("CONSTRAINTS_FILTERED", f"{passing} of {len(situation.catalog)} items pass all filters")
    yield Warning("SHORT_LIST", f"{returned} of {situation.k} items; there are no others")
