"""Can this log speak about that policy? Numbers, and what they mean in words."""

from collections.abc import Iterator

import numpy as np

from recsys_eval.metrics.hits import Vector
from recsys_eval.ope.facts import Overlap
from recsys_eval.ope.logged import Logged

DIGITS = 12
SURE = 3.29  # standard errors; beyond them once in 1,000 by chance
THIN_SHARE, THIN = 0.01, 100
MUCH_UNSEEN, MUCH_CLIPPED = 0.01, 0.01


def overlap(log: Logged, clip: float | None) -> Overlap:
    """The diagnostics of the weights, before any was clipped.

    Stability: experimental
    """
    weight = log.weight
    squares = float(weight @ weight)
    effective = float(weight.sum()) ** 2 / squares if squares > 0 else 0.0
    mean, error = float(weight.mean()), float(weight.std() / np.sqrt(weight.size))
    return Overlap(
        decisions=weight.size,
        units=int(log.unit.max()) + 1,
        effective=round(effective, DIGITS),
        effective_share=round(effective / weight.size, DIGITS),
        mean_weight=round(mean, DIGITS),
        mean_weight_low=round(mean - SURE * error, DIGITS),
        mean_weight_high=round(mean + SURE * error, DIGITS),
        largest_weight=round(float(weight.max()), DIGITS),
        smallest_propensity=float(log.propensity.min()),
        clipped_share=0.0 if clip is None else round(float(np.mean(weight > clip)), DIGITS),
        unseen_share=_unseen(log),
    )


def warnings(facts: Overlap) -> tuple[str, ...]:
    """What a reader must know before believing an estimate, worst first; empty if all is well.

    Stability: experimental
    """
    return tuple(_said(facts))


def _said(facts: Overlap) -> Iterator[str]:
    if facts.effective == 0:
        yield "the new policy shows nothing that was logged: nothing can be said about it"
        return
    if not facts.mean_weight_low <= 1 <= facts.mean_weight_high:
        yield (
            f"the mean weight is {facts.mean_weight:.3g} and should be 1: propensities or target probabilities are "
            "wrong, or the new policy shows what the old one never does"
        )
    if facts.unseen_share is not None and facts.unseen_share > MUCH_UNSEEN:
        yield (
            f"{facts.unseen_share:.1%} of what the new policy shows was never shown in such a place: "
            "only a model speaks about it"
        )
    if facts.effective < THIN or facts.effective_share < THIN_SHARE:
        yield (
            f"the log of {facts.decisions:,} is worth {facts.effective:,.0f} decisions of the new policy: "
            "intervals are too narrow to be trusted"
        )
    if facts.clipped_share > MUCH_CLIPPED:
        yield f"{facts.clipped_share:.1%} of the weights were clipped: estimates lean towards the old policy"
    if facts.smallest_propensity == 1:
        yield "the old policy left nothing to chance (every propensity is 1): only what it did can be evaluated"


def _unseen(log: Logged) -> float | None:
    """The share of the new policy that lies on actions without any decision at that rank in the log."""
    if log.policy is None:
        return None
    ranks, rank = np.unique(log.rank, return_inverse=True)
    seen = np.zeros((ranks.size, len(log.actions)), dtype=bool)
    seen[rank, log.action] = True
    share = np.zeros(log.rank.size)
    for n in range(ranks.size):
        here = rank == n
        chance: Vector = log.policy.chances[:, ~seen[n]].sum(axis=1)
        share[here] = chance[log.policy.situation[here]]
    return round(float(share.mean()), DIGITS)
