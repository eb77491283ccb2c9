"""The stages of ranking, in order: ``Stage = (Slate, Situation) -> Slate``.

A filter keeps or drops each item by itself, so the same function serves twice: as a stage over a slate, and over the
whole catalog when sources are asked for more. No stage logs, counts or explains; all that is read off the trace.
"""

from collections.abc import Callable, Sequence

import numpy as np

from recsys_algo.diversity import select
from recsys_algo.situation import Situation
from recsys_algo.slate import Items, Mask, Slate

Stage = Callable[[Slate, Situation], Slate]
Predicate = Callable[[Items, Situation], Mask | None]


class Filter:
    """A stage that keeps the items of which ``keeps`` is true; None keeps all of them."""

    def __init__(self, keeps: Predicate) -> None:
        self.keeps = keeps
        self.__name__ = keeps.__name__

    def __call__(self, slate: Slate, situation: Situation) -> Slate:
        keep = self.keeps(slate.items, situation)
        return slate if keep is None else slate.kept(keep)


@Filter
def keep_included(items: Items, situation: Situation) -> Mask | None:
    """Only the ids that the caller restricts the answer to."""
    return None if situation.included is None else situation.included[items]


@Filter
def drop_excluded(items: Items, situation: Situation) -> Mask | None:
    """Not the ids that the caller excludes, and not the anchors."""
    return None if situation.excluded is None else ~situation.excluded[items]


@Filter
def drop_seen(items: Items, situation: Situation) -> Mask | None:
    """Not what the user had lately."""
    return None if situation.seen is None else ~situation.seen[items]


@Filter
def drop_unavailable(items: Items, situation: Situation) -> Mask | None:
    """Only what can be bought now."""
    return situation.catalog.available[items] if situation.available_only else None


@Filter
def keep_tagged(items: Items, situation: Situation) -> Mask | None:
    """Only items with the wanted tags and without the unwanted ones."""
    return None if situation.tagged is None else situation.tagged[items]


@Filter
def keep_priced(items: Items, situation: Situation) -> Mask | None:
    """Only items whose price is known, in the range and in the currency."""
    price = situation.price
    if price is None:
        return None
    minor = situation.catalog.price_minor[items]
    keep: Mask = (minor >= price.low) & (minor <= price.high)
    return keep if price.currency is None else keep & (situation.catalog.currency[items] == price.currency)


@Filter
def keep_recent(items: Items, situation: Situation) -> Mask | None:
    """Only items created after the given time; one without a time is not known to be."""
    if situation.created_after is None:
        return None
    recent: Mask = situation.catalog.created_at[items] > situation.created_after
    return recent


@Filter
def drop_blocked(items: Items, situation: Situation) -> Mask | None:
    """Not what the surface blocks."""
    return None if situation.blocked is None else ~situation.blocked[items]


def penalize(slate: Slate, situation: Situation) -> Slate:
    """Lower scores of items that turned out badly, and the order that follows from them."""
    return slate if situation.penalties is None else situation.penalties.lowered(slate)


def cut(slate: Slate, situation: Situation) -> Slate:
    """The first ``k``."""
    return slate if len(slate.items) <= situation.k else Slate(slate.items[: situation.k], slate.scores[: situation.k])


FILTERS: tuple[Filter, ...] = (
    keep_included,
    drop_excluded,
    drop_seen,
    drop_unavailable,
    keep_tagged,
    keep_priced,
    keep_recent,
    drop_blocked,
)
STAGES: tuple[Stage, ...] = (*FILTERS, select, cut)


def fold(slate: Slate, situation: Situation, stages: Sequence[Stage] = STAGES) -> tuple[tuple[str, Slate], ...]:
    """The slate after each stage, by the stage's name; the first is called `candidates`, the last is the answer."""
    steps = [("candidates", slate)]
    for stage in stages:
        slate = stage(slate, situation)
        steps.append((stage.__name__, slate))
    return tuple(steps)


def allowed(situation: Situation) -> Mask | None:
    """Which items of the catalog pass all filters; None if all do."""
    everything = np.arange(len(situation.catalog), dtype=np.int32)
    masks = [keep for filter in FILTERS if (keep := filter.keeps(everything, situation)) is not None]
    return np.logical_and.reduce(masks) if masks else None
