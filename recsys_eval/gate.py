"""The gate: may the candidate replace the incumbent? Both are measured on one frozen fixture, the same users and truth.

In this order: preflight (can the numbers be trusted?), collapse, guardrails, then the interval of the mean difference
over users. All shares are relative to the incumbent's mean. A verdict is a value and is kept; only numbers that cannot
be right (not in 0..1, other users) raise.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from data_contracts.documents import Gate
from data_contracts.manifest import Decision
from recsys_eval.case import Case, Evidence
from recsys_eval.checks import CHECKS, COLLAPSE_DROP, why
from recsys_eval.errors import DifferentUsers, InvalidFrame
from recsys_eval.metrics.evaluation import Metrics
from recsys_eval.metrics.hits import Vector
from recsys_eval.slices import compared
from recsys_eval.statistics import Interval, chance_of_drop, percentiles, resampled_means
from recsys_eval.verdict import Verdict


def decide(
    candidate: Metrics,
    incumbent: Metrics | None,
    gate: Gate,
    *,
    rng: np.random.Generator,
    repeat: Metrics | None = None,
    evidence: Evidence | None = None,
) -> Verdict:
    """The verdict on ``candidate``; the first check that it fails gives decision and reason.

    ``incumbent`` is what is served now, ranked and measured again on the same truth; None makes the verdict ungated.
    ``repeat`` is a second run of the candidate, which must give the same values; ``evidence`` adds slices, and until
    when the candidate learned. A guardrail holds where ``summary`` has its number: ``coverage@k``,
    ``popularity_bias@k``, ``empty_rate``, ``label_coverage`` and ``latency_p95_ms``. Raises ``UnknownMetric``,
    ``DifferentUsers``, and ``InvalidFrame`` for values outside 0..1.

    Stability: public
    """
    case = _with(_case(candidate, incumbent, gate, repeat=repeat, rng=rng), evidence or Evidence())
    looked = [(decision, check) for decision, look in CHECKS if (check := look(case)) is not None]
    failed = [(decision, check.detail) for decision, check in looked if not check.passed]
    passed: tuple[Decision, None] = ("promoted", None)
    decision, detail = failed[0] if failed else passed
    return Verdict(
        decision=decision,
        reason=why(case, detail),
        metric=gate.metric,
        users=case.users,
        candidate=round(float(case.values.mean()), 12),
        incumbent=None if case.base is None else round(float(case.base.mean()), 12),
        difference=case.difference,
        low=case.interval.low if case.interval else None,
        high=case.interval.high if case.interval else None,
        better=None if case.base is None else int(np.count_nonzero(case.values > case.base)),
        worse=None if case.base is None else int(np.count_nonzero(case.values < case.base)),
        confidence=gate.confidence,
        tolerance=gate.tolerance,
        suspicious_gain=gate.suspicious_gain,
        checks=tuple(check for _, check in looked),
        slices=case.slices,
    )


def _with(case: Case, evidence: Evidence) -> Case:
    """The case, with what each slice says where there is something to compare with."""
    if case.incumbent is None:
        return replace(case, evidence=evidence)
    gate = case.gate
    values = compared(
        evidence.slices,
        case.candidate,
        case.incumbent,
        gate.metric,
        minimum_users=gate.minimum_slice_users,
        confidence=gate.confidence,
    )
    return replace(case, evidence=evidence, slices=values)


def _case(
    candidate: Metrics, incumbent: Metrics | None, gate: Gate, *, repeat: Metrics | None, rng: np.random.Generator
) -> Case:
    values = _values(candidate, gate.metric, "candidate")
    base = None if incumbent is None else _values(incumbent, gate.metric, "incumbent")
    if incumbent is not None:
        _refuse_different_users(candidate, incumbent)
    difference, interval, chance = None, None, 1.0
    if base is not None and base.mean() > 0:
        relative = (values - base) / base.mean()
        difference = round(float(relative.mean()), 12)  # the same on any machine
        low, high = percentiles(resampled_means(relative, gate.resamples, rng), gate.confidence)
        interval = Interval(max(low, -1.0), high)  # nothing can lose more than all
        if difference <= -COLLAPSE_DROP:
            chance = chance_of_drop(relative, gate.resamples, rng)
    return Case(gate, candidate, incumbent, repeat, values, base, difference, interval, chance)


def _values(metrics: Metrics, metric: str, whose: str) -> Vector:
    ordered = Metrics(metrics.summary, metrics.per_user.sort("user_id"))
    values = ordered.values(metric).cast(pl.Float64).fill_null(np.nan).to_numpy()
    wrong = ~((values >= 0) & (values <= 1))
    if not values.size:
        raise InvalidFrame(f"{whose}: no user was measured")
    if wrong.any():
        user = ordered.per_user["user_id"][int(np.argmax(wrong))]
        raise InvalidFrame(
            f"{whose}: {metric} of user {user!r} is {values[np.argmax(wrong)]}; a value per user lies in 0..1"
        )
    return values


def _refuse_different_users(candidate: Metrics, incumbent: Metrics) -> None:
    ours, theirs = candidate.per_user["user_id"].sort(), incumbent.per_user["user_id"].sort()
    if ours.equals(theirs):
        return
    odd = sorted(set(ours) ^ set(theirs))
    such = f"such as {odd[0]!r}" if odd else "and some users more than once"
    raise DifferentUsers(
        f"candidate has {len(ours)} users and incumbent {len(theirs)}, {len(odd)} of them only on one side, {such}; "
        "measure both on the same truth"
    )
