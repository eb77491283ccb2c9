"""Whether a ramp may take its next step, such as from 90/10 to 50/50: service levels and guardrails are met."""

from collections.abc import Sequence

from recsys_eval.experiment.facts import Arm, Comparison, Objective, Ramp, Step
from recsys_eval.experiment.plan import Plan
from recsys_eval.experiment.ruling import told
from recsys_eval.verdict import Check


def ramp(
    arms: Sequence[Arm],
    comparisons: Sequence[Comparison],
    checks: Sequence[Check],
    *,
    plan: Plan,
    objectives: Sequence[Objective],
) -> Ramp:
    """The step: roll back on certain harm, hold while a check, an objective or a guardrail is open, else ramp.

    The primary metric need not be better yet: more traffic is how that is found out. A ramp without a measured
    objective holds, as nobody looked whether the service can bear it.

    Stability: experimental
    """
    harm = [f"{arm.variant}: {reason}" for arm in arms if arm.ruling == "rollback" for reason in arm.reasons]
    missed = [
        f"{objective.name} is {objective.value:g}, above its limit of {objective.limit:g}"
        for objective in objectives
        if not objective.met
    ]
    unmeasured = [] if objectives else ["no service level was measured"]
    failed = [f"{check.name}: {check.detail}" for check in checks if not check.passed]
    open_ones = [
        f"{comparison.variant}: {told(comparison)}, not shown to keep within its margin of {comparison.margin:.1%}"
        for comparison in comparisons
        if comparison.role == "guardrail" and comparison.state != "held"
    ]
    waiting = (*failed, *missed, *unmeasured, *open_ones)
    good = ("service levels and guardrails are met", "nothing is certainly worse")
    step: Step = "rollback" if harm else "hold" if waiting else "ramp"
    return Ramp(
        step=step,
        now=plan.shares,
        next=plan.next_shares,
        reasons=tuple(harm) or waiting or good,
        objectives=tuple(objectives),
    )
