"""Ranking: ``recommend`` and ``similar`` turn a bundle and a query into an answer, and nothing else goes in.

Sources are first asked for ``max(5 k, 200)`` candidates each. If less than ``k`` of them pass filters and caps, they
are asked for as many that pass the filters; if caps still leave too few, for all of those, and the fallback ladder
fills what is then missing. So a short answer means that there is nothing else. Trace and counts are those of the last
round.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import repeat

import msgspec
import numpy as np

from recsys_algo.blend import Voice, blend, extended, newcomers
from recsys_algo.bundle import Bundle
from recsys_algo.candidates import EMPTY, PERSONAL, Ask
from recsys_algo.caveats import warnings_of
from recsys_algo.errors import UnknownStrategy
from recsys_algo.fallback import ladder
from recsys_algo.reserve import fresh
from recsys_algo.resolve import situated
from recsys_algo.second_stage import stages_with
from recsys_algo.situation import Answer, Query, RankedItem, Situation, Trace
from recsys_algo.slate import Items, Pool
from recsys_algo.stages import STAGES, allowed, fold
from recsys_algo.strategies import STRATEGIES, Plan, alike, planned

__all__ = ["STRATEGIES", "UnknownStrategy", "recommend", "similar"]
_STEPS = {name: place for place, name in enumerate(("candidates", *(stage.__name__ for stage in STAGES)))}
_COUNTED = {
    "retrieved": _STEPS["candidates"],
    "after_exclude": _STEPS["drop_excluded"],
    "after_filter": _STEPS["keep_recent"],
    "after_rules": _STEPS["drop_blocked"],
    "returned": -1,  # a second stage moves the last steps by one
}


def recommend(bundle: Bundle, query: Query) -> Answer:
    """The best ``query.k`` items for the query. Raises ``UnknownStrategy``."""
    return _answered(bundle, query, planned(bundle, query))


def similar(bundle: Bundle, anchors: Sequence[str], query: Query, kind: str = "auto") -> Answer:
    """Items that go with the anchors, by the sources of that kind (see `strategies.alike`); constraints hold."""
    asked = replace(query, anchors=tuple(anchors))
    return _answered(bundle, asked, alike(bundle, asked, kind))


def _answered(bundle: Bundle, query: Query, plan: Plan) -> Answer:
    trace = _ranked(situated(bundle, query, plan))
    items = trace.steps[-1][1].items
    strongest = trace.blend.strongest_of(items)
    level = _level(trace, items, strongest)
    return Answer(
        items=_items(trace, strongest),
        fallback_level=level,
        counts={name: len(trace.steps[place][1].items) for name, place in _COUNTED.items()},
        warnings=warnings_of(trace, plan, level, strongest),
        trace=trace,
    )


def _ranked(situation: Situation) -> Trace:
    """The first of three rounds that suffices: any candidates; those that pass the filters; all of those, and rungs."""
    if situation.included is None:
        trace = _traced(situation, situation.ask)
        if _suffices(trace):
            return trace
    passing = msgspec.structs.replace(situation.ask, allowed=allowed(situation))
    trace = _traced(situation, passing)
    if _suffices(trace):
        return trace
    everything = _traced(situation, msgspec.structs.replace(passing, depth=len(situation.catalog)))
    return everything if _suffices(everything) or situation.included is not None else _filled_up(everything)


def _traced(situation: Situation, ask: Ask) -> Trace:
    situation = situation if ask is situation.ask else msgspec.structs.replace(situation, ask=ask)
    pools, voices = _pools(situation, ask)
    blended = blend(pools, voices, situation.catalog.tally)
    if situation.reserve is not None:
        spare = fresh(situation, blended.slate.items)
        blended, pools = extended(blended, (spare,), len(pools)), (*pools, spare)
    return Trace(situation, pools, voices, blended, fold(blended.slate, situation, stages_with(situation, pools)))


def _filled_up(trace: Trace) -> Trace:
    """The same candidates with the rungs of the ladder behind them."""
    situation, pools, proposed = trace.situation, trace.pools[: len(trace.voices)], trace.blend
    if situation.reserve is not None:  # the ladder has all new items, each on its rung
        proposed = blend(pools, trace.voices, situation.catalog.tally)
        situation = msgspec.structs.replace(situation, reserve=situation.reserve._replace(filled=True))
    rungs = newcomers(proposed.slate.items, ladder(situation))
    blended = extended(proposed, rungs, len(pools))
    steps = fold(blended.slate, situation, stages_with(situation, pools))
    return Trace(situation, (*pools, *rungs), trace.voices, blended, steps, len(rungs))


def _pools(situation: Situation, ask: Ask) -> tuple[tuple[Pool, ...], tuple[Voice, ...]]:
    pools = tuple([source.pool(ask) for source, _ in situation.voices])
    voices = tuple([voice for _, voice in situation.voices])
    if situation.injected is None:
        return pools, voices
    # A list to choose from has no say in the order; a list that competes counts as the weightiest source.
    share = max((voice.share for voice in voices), default=1.0) if situation.included is None else 0.0
    return (*pools, situation.injected), (*voices, Voice.of(len(voices), share))


def _suffices(trace: Trace) -> bool:
    items, situation = trace.steps[-1][1].items, trace.situation
    if len(items) < situation.k:
        return False
    brands = set(situation.catalog.brand[items].tolist()) - {-1} if situation.min_brands else ()
    return len(brands) >= situation.min_brands


def _level(trace: Trace, items: Items, strongest: list[int]) -> int:
    """The lowest level of any pool that proposed a returned item."""
    level = min([trace.pools[number].level for number in set(strongest)], default=EMPTY)
    if level == PERSONAL:
        return level
    lower = [pool for pool in trace.pools if pool.level < level and len(pool.items)]
    return min([pool.level for pool in lower if np.isin(items, pool.items).any()], default=level)


def _items(trace: Trace, strongest: list[int]) -> tuple[RankedItem, ...]:
    items, scores = trace.steps[-1][1]
    indices = items.tolist()
    ids = trace.situation.catalog.names(indices)
    sources = [trace.pools[number].source for number in strongest]
    return tuple(map(RankedItem, ids, range(1, len(ids) + 1), scores.tolist(), sources, indices, repeat(trace)))
