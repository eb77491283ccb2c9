"""What to do with an arm: ship, hold or roll back, and why. Significance decides, never the size of an estimate alone.

In this order: can the numbers be trusted (if not: hold, whatever they say); is a guardrail certainly breached, or the
primary metric certainly worse (roll back); is the primary metric certainly better and every guardrail shown to hold
(ship); else hold.
"""

from collections.abc import Sequence

from recsys_eval.experiment.facts import Arm, Comparison, Power, Quality, Ruling, SampleRatio
from recsys_eval.experiment.plan import Plan
from recsys_eval.verdict import Check


def validity(arms: Sequence[Arm], ratios: Sequence[SampleRatio], quality: Quality, plan: Plan) -> tuple[Check, ...]:
    """What must hold before any number of the experiment is worth reading; the sample ratio first.

    Stability: experimental
    """
    fewest = min(arms, key=lambda arm: (arm.counted, arm.variant))
    everybody = quality.assigned + quality.mixed
    mixed = quality.mixed / everybody if everybody else 0.0
    return (
        *(_ratio(ratio, plan) for ratio in ratios),
        Check(
            name="subjects in several arms",
            passed=mixed <= plan.maximum_mixed_share,
            detail=f"{quality.mixed} of {everybody} ({mixed:.2%}); at most {plan.maximum_mixed_share:.2%}",
        ),
        Check(
            name="enough subjects",
            passed=fewest.counted >= plan.minimum_users,
            detail=f"{fewest.counted} count in {fewest.variant}; {plan.minimum_users} are needed in each arm",
        ),
    )


def ruling(
    comparisons: Sequence[Comparison], checks: Sequence[Check], plan: Plan, power: Power | None
) -> tuple[Ruling, tuple[str, ...]]:
    """The ruling on one arm and its reasons, from the comparisons of that arm.

    Stability: experimental
    """
    failed = [f"{check.name}: {check.detail}" for check in checks if not check.passed]
    if failed:
        return "hold", tuple(failed)
    primary = next(comparison for comparison in comparisons if comparison.role == "primary")
    guardrails = [comparison for comparison in comparisons if comparison.role == "guardrail"]
    harm = [_breached(guardrail) for guardrail in guardrails if guardrail.state == "breached"]
    if primary.state == "worse":
        harm.append(f"{told(primary)}, certainly worse")
    if harm:
        return "rollback", tuple(harm)
    open_ones = [_open(guardrail) for guardrail in guardrails if guardrail.state != "held"]
    if primary.state == "better" and not open_ones:
        kept = [f"{guardrail.metric} is held" for guardrail in guardrails]
        return "ship", (f"{told(primary)}, certainly better", *kept)
    unproven = [] if primary.state == "better" else [_unproven(primary, power, plan)]
    return "hold", (*unproven, *open_ones)


def whole(arms: Sequence[Arm], comparisons: Sequence[Comparison]) -> tuple[Ruling, str | None, tuple[str, ...]]:
    """The decision on the experiment: the arm to ship (the largest gain among those that may), else why not.

    Rolled back when every treatment is; with several treatments the reasons begin with the arm's name.

    Stability: experimental
    """
    treatments = [arm for arm in arms if arm.ruling is not None]
    gain = {
        comparison.variant: (comparison.difference or 0.0) * (1 if comparison.better == "higher" else -1)
        for comparison in comparisons
        if comparison.role == "primary"
    }
    winners = sorted(
        (arm for arm in treatments if arm.ruling == "ship"), key=lambda arm: (-gain[arm.variant], arm.variant)
    )
    if winners:
        return "ship", winners[0].variant, winners[0].reasons
    decision: Ruling = "rollback" if all(arm.ruling == "rollback" for arm in treatments) else "hold"
    several = len({arm.reasons for arm in treatments}) > 1
    reasons = [f"{arm.variant}: {reason}" if several else reason for arm in treatments for reason in arm.reasons]
    return decision, None, tuple(dict.fromkeys(reasons))


def told(comparison: Comparison) -> str:
    """The comparison in words: the lift where there is one, else the difference."""
    if comparison.lift is not None and comparison.lift_low is not None and comparison.lift_high is not None:
        return (
            f"{comparison.metric} {comparison.lift:+.1%} ({comparison.lift_low:+.1%} to {comparison.lift_high:+.1%}"
            f"{_p(comparison)})"
        )
    if comparison.difference is None:
        return f"{comparison.metric} has no spread: {comparison.control} against {comparison.treatment}, nobody differs"
    return (
        f"{comparison.metric} {comparison.difference:+.4g} ({comparison.low:+.4g} to {comparison.high:+.4g}"
        f"{_p(comparison)})"
    )


def _p(comparison: Comparison) -> str:
    p = comparison.corrected_p_value
    return "" if p is None else ", p < 0.0001" if p < 0.0001 else f", p {p:.2g}"  # noqa: PLR2004


def _ratio(ratio: SampleRatio, plan: Plan) -> Check:
    seen = ", ".join(
        f"{arm} {users} ({ratio.expected[arm]:.0f} expected)" for arm, users in sorted(ratio.users.items())
    )
    how = f"at any time ({ratio.one_look_p_value:.2g} at one look)" if plan.peeking else "at one look"
    return Check(
        name=f"sample ratio of {ratio.of} subjects",
        passed=ratio.p_value >= plan.srm_alpha,
        detail=f"{seen}; p {ratio.p_value:.2g} {how}, {plan.srm_alpha:g} or more is needed",
    )


def _breached(guardrail: Comparison) -> str:
    return f"{told(guardrail)}, certainly worse than the margin of {guardrail.margin:.1%}"


def _open(guardrail: Comparison) -> str:
    return f"{told(guardrail)}, not shown to keep within its margin of {guardrail.margin:.1%}"


def _unproven(primary: Comparison, power: Power | None, plan: Plan) -> str:
    if primary.state == "unknown" or power is None:
        return f"{told(primary)}, nothing can be concluded"
    if power.users >= power.needed_users:
        return f"{told(primary)}, no difference is shown, though a lift of {power.lift:.1%} would probably have been"
    missing = power.needed_users - power.users
    return (
        f"{told(primary)}, not certain; {missing:,} more subjects would probably show a lift of {plan.minimum_lift:.1%}"
    )
