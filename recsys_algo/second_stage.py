"""The second stage: of the candidates that pass every filter, the first ones are put in a new order.

It stands behind the filters, not before them, so that none of its places go to what may not be shown, and before the
selection, so that caps and diversity hold for its order. Scores stay where they are and items change places: the
slate is still sorted, in the unit that diversity weighs relevance in, and below the last item that was reordered
the blend goes on. What the fallback ladder fills in stays behind what the sources propose.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys_algo.arrays import Array
from recsys_algo.diversity import select
from recsys_algo.features import features
from recsys_algo.ranker import Ranker
from recsys_algo.reserve import reserve_new
from recsys_algo.situation import Situation, Trace
from recsys_algo.slate import Items, Pool, Slate
from recsys_algo.stages import FILTERS, STAGES, Stage, cut, penalize

DEFAULT_CANDIDATES = 200


@dataclass(frozen=True)
class Reordering:
    """The stage that the ranker of a surface is, given what the sources proposed."""

    ranker: Ranker
    pools: Sequence[Pool]
    __name__ = "second_stage"

    def __call__(self, slate: Slate, situation: Situation) -> Slate:
        """The slate with its first candidates in the ranker's order; equal ones keep theirs."""
        head = examined(slate, situation)
        order = self.ranker.order(features(head, situation, self.pools, self.ranker.sources))
        return Slate(np.concatenate((head.items[order], slate.items[len(order) :])), slate.scores)


def stages_with(situation: Situation, pools: Sequence[Pool]) -> Sequence[Stage]:
    """The stages of this ranking."""
    if situation.ranker is None and situation.reserve is None and situation.penalties is None:
        return STAGES
    reordering = () if situation.ranker is None else (Reordering(situation.ranker, pools),)
    reserving = () if situation.reserve is None else (reserve_new,)
    penalizing = () if situation.penalties is None else (penalize,)
    return (*FILTERS, *reordering, *penalizing, select, *reserving, cut)


def examined(slate: Slate, situation: Situation) -> Slate:
    """What a second stage looks at: the first candidates that a source proposed."""
    wanted = situation.bundle.ranking.second_stage
    most = DEFAULT_CANDIDATES if wanted is None else wanted.candidates
    proposed = np.count_nonzero(slate.scores[:most] >= 0)  # the ladder's are below zero
    return Slate(slate.items[:proposed], slate.scores[:proposed])


def lesson(trace: Trace, sources: Sequence[str]) -> tuple[Items, Array]:
    """What a second stage would have looked at in this ranking: the items and their features."""
    head = examined(dict(trace.steps)[FILTERS[-1].__name__], trace.situation)
    return head.items, features(head, trace.situation, trace.pools, sources)
