"""Penalties: items that turned out badly count for less.

A score is multiplied by ``1 - weight x rate`` for each kind of bad outcome that the surface penalizes, one kind after
the other; ``rate`` is the item's, as published, and 0 for items of which nothing bad is known. After each factor a
score is rounded to whole millionths, so that what each kind took is exact and the order the same on every machine.
Scores below zero are of items that no source proposed (fallbacks, new items on kept places), and stay as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from recsys_algo.arrays import Array, Arrays, array
from recsys_algo.errors import BadArtifact
from recsys_algo.slate import HALF, LOW, PLACES, Keys, Slate

PENALTIES = "penalties"  # the artifact, its kind and its shape


@dataclass(frozen=True, eq=False)
class Penalties:
    """By kind of bad outcome the weight (0..1), and the rate of every item of the catalog (0..1, float32)."""

    weights: Mapping[str, float]
    rates: Mapping[str, Array]

    @classmethod
    def of(cls, arrays: Arrays, weights: Mapping[str, float], items: int) -> Self | None:
        """The kinds that weigh anything and were published; None if there are none. Raises ``BadArtifact``."""
        kinds = [kind for kind, weight in sorted(weights.items()) if weight > 0 and kind in arrays]
        rates = {kind: array(arrays, kind) for kind in kinds}
        for kind, rate in rates.items():
            if len(rate) != items or not ((rate >= 0) & (rate <= 1)).all():
                raise BadArtifact(f"{len(rate)} rates of {kind} are not {items} numbers from 0 to 1")
        return cls({kind: weights[kind] for kind in kinds}, rates) if kinds else None

    def lowered(self, slate: Slate) -> Slate:
        """The slate with lower scores and in their order, ties by item id."""
        head = np.count_nonzero(slate.scores >= 0)
        items = slate.items[:head].astype(np.int64)
        millionths = _millionths(slate.scores[:head])
        for kind in self.rates:
            millionths = self._after(kind, items, millionths)
        keys = items - (millionths << HALF)
        keys.sort()
        return Slate(
            np.concatenate((keys & LOW, slate.items[head:])),
            np.concatenate((-(keys >> HALF) / PLACES, slate.scores[head:])),
        )

    def taken(self, item: int, score: float) -> dict[str, float]:
        """What each kind takes from this score of the item, as numbers below zero; kinds that take nothing are left
        out."""
        found = {}
        for kind in self.rates if score >= 0 else ():
            before = _millionths(np.array([score]))
            after = self._after(kind, np.array([item]), before)
            score = int(after[0]) / PLACES
            if after[0] < before[0]:
                found[f"{PENALTIES}.{kind}"] = int(after[0] - before[0]) / PLACES
        return found

    def _after(self, kind: str, items: Array, millionths: Keys) -> Keys:
        factors = 1.0 - self.weights[kind] * self.rates[kind][items].astype(np.float64)
        after: Keys = np.rint(millionths * factors).astype(np.int64)
        return after


def penalty_arrays(rates: Mapping[str, Mapping[int, float]], items: int) -> dict[str, Array]:
    """Rates by kind and item (its index) as the arrays of an artifact. Raises ``ValueError`` for one outside 0..1."""
    arrays = {}
    for kind, by_item in rates.items():
        bad = {item: rate for item, rate in by_item.items() if not 0 <= rate <= 1}
        if bad:
            raise ValueError(f"{PENALTIES}: the rate of {kind} of item {min(bad)} is {bad[min(bad)]}, not 0 to 1")
        arrays[kind] = np.zeros(items, np.float32)
        arrays[kind][list(by_item)] = list(by_item.values())
    return arrays


def _millionths(scores: Array) -> Keys:
    whole: Keys = np.rint(scores * PLACES).astype(np.int64)
    return whole
