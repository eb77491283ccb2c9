"""The analysis of an experiment, from what was recorded to a decision."""

from collections.abc import Sequence

import msgspec
import numpy as np

from recsys_eval.experiment.comparison import DIGITS, Pair, Question, compare, pairs
from recsys_eval.experiment.corrections import corrected
from recsys_eval.experiment.facts import Arm, Comparison, Experiment, Objective, Power, Role, State
from recsys_eval.experiment.plan import Plan, checked
from recsys_eval.experiment.power import Design
from recsys_eval.experiment.ramp import ramp
from recsys_eval.experiment.ruling import ruling, validity, whole
from recsys_eval.experiment.srm import sample_ratios
from recsys_eval.experiment.subjects import Logs, Subjects, before_columns, subjects
from recsys_eval.verdict import Check

Seen = dict[str, Power | None]


def analyse(logs: Logs, plan: Plan, objectives: Sequence[Objective] = ()) -> Experiment:
    """The experiment's decision with all that it rests on; the same input gives the same record.

    Cost grows with the rows of the logs; all of them are held in memory. Raises ``InvalidDocument`` for a plan that
    makes no sense, and what ``subjects`` raises.

    Stability: experimental
    """
    checked(plan)
    found = subjects(logs, plan)
    arms = _arms(found, plan)
    ratios = sample_ratios(arms, plan)
    checks = validity(arms, ratios, found.quality, plan)
    before = before_columns(logs.before, plan)
    measured = {metric.name: pairs(found.counted, before, metric, plan) for metric in plan.measured}
    comparisons = _corrected(_compared(measured, plan), plan)
    seen = {variant: _power(pair, plan) for variant, pair in measured[plan.primary].items()}
    ruled = tuple(_ruled(arm, comparisons, checks, plan=plan, seen=seen) for arm in arms)
    decision, variant, reasons = whole(ruled, comparisons)
    return Experiment(
        experiment_id=plan.experiment_id,
        decision=decision,
        variant=variant,
        reasons=reasons,
        plan=plan,
        until=found.until,
        checks=checks,
        arms=ruled,
        comparisons=comparisons,
        quality=found.quality,
        sample_ratios=ratios,
        power=seen[variant or plan.treatments[0]],
        ramp=ramp(ruled, comparisons, checks, plan=plan, objectives=objectives) if plan.next_shares else None,
    )


def _arms(found: Subjects, plan: Plan) -> tuple[Arm, ...]:
    """The control first, then the treatments by name."""
    assigned, counted = (dict(frame.group_by("variant").len().iter_rows()) for frame in (found.assigned, found.counted))
    return tuple(
        Arm(variant=name, share=plan.shares[name], assigned=assigned.get(name, 0), counted=counted.get(name, 0))
        for name in (plan.control, *plan.treatments)
    )


def _compared(measured: dict[str, dict[str, Pair]], plan: Plan) -> list[Comparison]:
    roles: list[tuple[str, Role, float | None]] = [
        (plan.primary, "primary", None),
        *((name, "secondary", None) for name in plan.secondary),
        *((guardrail.metric, "guardrail", guardrail.margin) for guardrail in plan.guardrails),
    ]
    return [
        compare(
            measured[name][variant],
            Question(metric=plan.metric(name), variant=variant, role=role, margin=margin),
            plan,
        )
        for name, role, margin in roles
        for variant in plan.treatments
    ]


def _corrected(comparisons: list[Comparison], plan: Plan) -> tuple[Comparison, ...]:
    """With p-values and states that take the number of comparisons of the same role into account.

    The primary metric of all arms is one family, corrected as the plan says; the secondary ones are another, always by
    Benjamini-Hochberg. A guardrail is read off its interval: that all must hold makes shipping harder, not easier.
    """
    raised: dict[int, float] = {}
    for role, correction in (("primary", plan.correction), ("secondary", "bh")):
        family = [n for n, each in enumerate(comparisons) if each.role == role and each.p_value is not None]
        p_values = [each for n in family if (each := comparisons[n].p_value) is not None]
        raised |= dict(zip(family, corrected(p_values, "holm" if correction == "holm" else "bh"), strict=True))
    return tuple(
        msgspec.structs.replace(each, corrected_p_value=raised[n], state=_state(each, raised[n], plan))
        if n in raised
        else each
        for n, each in enumerate(comparisons)
    )


def _state(comparison: Comparison, p_value: float, plan: Plan) -> State:
    if p_value > 1 - plan.confidence or not comparison.difference:
        return "unclear"
    return "better" if (comparison.difference > 0) == (comparison.better == "higher") else "worse"


def _power(pair: Pair, plan: Plan) -> Power | None:
    """What the primary metric can show; None where it has no mean or no spread to reckon with."""
    mean, variance = float(pair.control.rate), float(pair.control.variance * pair.control.users)
    if not (np.isfinite(mean) and np.isfinite(variance) and mean != 0 and variance > 0):
        return None
    users = int(pair.users)
    design = Design(
        mean=mean,
        deviation=variance**0.5,
        confidence=plan.confidence,
        wanted_power=plan.power,
        share=float(pair.treatment.users) / users,
        planned=plan.planned_users if plan.peeking else None,
    )
    return Power(
        metric=plan.primary,
        users=users,
        lift=plan.minimum_lift,
        needed_users=design.needed_users(plan.minimum_lift),
        power=round(design.power(plan.minimum_lift, users), DIGITS),
        smallest_lift=round(design.smallest_lift(users), DIGITS),
    )


def _ruled(arm: Arm, comparisons: Sequence[Comparison], checks: Sequence[Check], *, plan: Plan, seen: Seen) -> Arm:
    """The arm with its ruling; the control has none."""
    if arm.variant == plan.control:
        return arm
    own = [comparison for comparison in comparisons if comparison.variant == arm.variant]
    decision, reasons = ruling(own, checks, plan, seen[arm.variant])
    return msgspec.structs.replace(arm, ruling=decision, reasons=reasons)
