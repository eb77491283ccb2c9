"""What the gate looks at, one check per function, in words and numbers; None where it does not apply.

``CHECKS`` is their order and what a failed one means. Half of them are about trust in the numbers, half about harm.
"""

from collections.abc import Callable

from data_contracts.manifest import Decision
from recsys_eval.case import Case
from recsys_eval.slices import described, smallest_moved
from recsys_eval.verdict import Check

# A loss of half of the metric is refused on weaker evidence than a small one (1 in 10 by chance, instead of 1 in 40),
# and also below the minimum of users: with few users the interval is wide, and a shuffled ranking would pass inside it.
COLLAPSE_DROP = 0.5
COLLAPSE_CHANCE = 0.1


def deterministic(case: Case) -> Check | None:
    """Two runs of the candidate give the same values."""
    if case.repeat is None:
        return None
    first, second = (run.per_user.sort("user_id") for run in (case.candidate, case.repeat))
    if first.equals(second):
        return _check("deterministic", True, "a second run gave the same values")
    return _check("deterministic", False, "two runs of the same candidate gave different values: its seed is not fixed")


def trained_before(case: Case) -> Check | None:
    """The candidate did not learn from the days that it is tested on."""
    until, cut = case.evidence.trained_until, case.evidence.cut
    if until is None or cut is None:
        return None
    if until <= cut:
        return _check("trained before", True, f"it learned until {until.isoformat()}, the test begins then or later")
    detail = f"it learned until {until.isoformat()}, but the test begins at {cut.isoformat()}: it has seen the answers"
    return _check("trained before", False, detail)


def labels_known(case: Case) -> Check | None:
    """Enough of what users chose could have been recommended at all; recall cannot be higher than that."""
    known = case.candidate.summary.get("label_coverage")
    if known is None:
        return None
    ceiling = f"the catalog knows {known:.1%} of what users chose, so recall cannot be higher"
    least = case.gate.minimum_label_coverage
    return _check("label coverage", known >= least, f"{ceiling}; {least:.0%} are needed")


def collapse(case: Case) -> Check | None:
    """Half of the metric is not lost."""
    if case.difference is None:
        return None
    detail = f"{case.difference:+.1%}; a loss of {COLLAPSE_DROP:.0%} is a collapse"
    if case.difference <= -COLLAPSE_DROP:
        detail += f"; between equal systems chance gives one this large in {case.chance:.1%} of cases"
    return _check("collapse", case.difference > -COLLAPSE_DROP or case.chance > COLLAPSE_CHANCE, detail)


def harm(case: Case) -> Check | None:
    """The whole interval does not lie below the tolerance."""
    if case.interval is None or not case.enough:
        return None
    high, limit = case.interval.high, -case.gate.tolerance
    if high >= limit:
        return _check(
            "harm", True, f"no proven loss: the interval reaches up to {high:+.1%}, {limit:+.1%} is tolerated"
        )
    return _check("harm", False, f"a proven loss: the interval ends at {high:+.1%}, below the tolerated {limit:+.1%}")


def coverage_kept(case: Case) -> Check | None:
    """The candidate does not show a much smaller part of the catalog."""
    name = f"coverage@{case.gate.metric.rpartition('@')[2]}"
    if case.incumbent is None:
        return None
    now, before = (system.summary.get(name) for system in (case.candidate, case.incumbent))
    if now is None or not before:
        return None
    drop = 1 - now / before
    limit = f"a drop of at most {case.gate.maximum_coverage_drop:.0%} is allowed"
    detail = f"{name} went from {before:.1%} to {now:.1%} of the catalog; {limit}"
    return _check("coverage", drop <= case.gate.maximum_coverage_drop, detail)


def popularity_kept(case: Case) -> Check | None:
    """The candidate does not lean much more on what is popular anyway."""
    name = f"popularity_bias@{case.gate.metric.rpartition('@')[2]}"
    now, before = (system.summary.get(name) if system else None for system in (case.candidate, case.incumbent))
    if now is None or not before:
        return None
    rise, limit = now / before - 1, case.gate.maximum_popularity_rise
    detail = f"{name} went from {before:.2f} to {now:.2f}, {rise:+.0%}; a rise of {limit:.0%} is allowed"
    return _check("popularity bias", rise <= limit, detail)


def fast_enough(case: Case) -> Check | None:
    """Answers come in time, where that was measured and the gate has a limit."""
    p95, limit = case.candidate.summary.get("latency_p95_ms"), case.gate.maximum_latency_ms
    if p95 is None or limit is None:
        return None
    detail = f"95 of 100 answers took at most {p95:.1f} ms; {limit:.1f} ms are allowed"
    return _check("latency", p95 <= limit, detail)


def slices_kept(case: Case) -> Check | None:
    """No group of users or items pays for the gain of the others."""
    if not case.slices:
        return None
    limit = case.gate.maximum_slice_loss
    harmed = [one for one in case.slices if one.high is not None and one.high < -limit]
    metric, looked = case.gate.metric, f"{len(case.slices)} slices"
    if harmed:
        worst = min(harmed, key=lambda one: (one.users, one.dimension, one.name))
        return _check("slices", False, f"a slice lost more than {limit:.0%}: {described(worst, metric)}")
    smallest = smallest_moved(case.slices)
    if smallest is None:
        return _check("slices", True, f"none of {looked} moved")
    return _check("slices", True, f"of {looked}, the smallest that moved is {described(smallest, metric)}")


def not_empty(case: Case) -> Check | None:
    """Not many more users are left without any recommendation."""
    if case.incumbent is None:
        return None
    now, before = (system.summary.get("empty_rate") for system in (case.candidate, case.incumbent))
    if now is None or before is None:
        return None
    limit = case.gate.maximum_empty_rise
    detail = f"{now:.1%} of users get no recommendation, {before:.1%} before; a rise of {limit:.0%} is allowed"
    return _check("empty lists", now - before <= limit, detail)


def discriminating(case: Case) -> Check | None:
    """The metric tells users apart: not all have the same value."""
    if not case.enough:
        return None
    low, high = case.values.min(), case.values.max()
    detail = f"{case.gate.metric} of the candidate lies between {low:.3f} and {high:.3f}"
    if low == high:
        detail = f"{case.gate.metric} is {low:.3f} for each of {case.users} users: it cannot tell good from bad"
    return _check("discriminating", bool(low < high), detail)


def incumbent_known(case: Case) -> Check:
    """There is something to compare with."""
    there = case.incumbent is not None
    return _check(
        "incumbent", there, "compared on the same users" if there else "there is no incumbent to compare with"
    )


def enough_users(case: Case) -> Check:
    """There are enough users for an interval to mean something."""
    return _check("users", case.enough, f"{case.users} users were measured; {case.gate.minimum_users} are needed")


def gain(case: Case) -> Check | None:
    """The gain is not too good to be true; a leak looks like this."""
    if case.base is None:
        return None
    if case.interval is None:
        return _check(
            "gain", False, f"{case.gate.metric} of the incumbent is 0 for each user: was it measured rightly?"
        )
    low, limit = case.interval.low, case.gate.suspicious_gain
    if low <= limit:
        return _check("gain", True, f"the interval begins at {low:+.1%}; above {limit:+.0%} it would look like a leak")
    return _check("gain", False, f"too good: the interval begins at {low:+.1%}, above {limit:+.0%}; look for a leak")


CHECKS: tuple[tuple[Decision, Callable[[Case], Check | None]], ...] = (
    ("suspicious", deterministic),
    ("suspicious", trained_before),
    ("suspicious", labels_known),
    ("rejected", collapse),
    ("rejected", harm),
    ("rejected", coverage_kept),
    ("rejected", popularity_kept),
    ("rejected", not_empty),
    ("rejected", fast_enough),
    ("rejected", slices_kept),
    ("suspicious", discriminating),
    ("ungated", incumbent_known),
    ("ungated", enough_users),
    ("suspicious", gain),
)


def _check(name: str, passed: bool, detail: str) -> Check:
    return Check(name=name, passed=passed, detail=detail)


def why(case: Case, detail: str | None) -> str:
    """The failed check, or why a candidate that failed none may go out, with the numbers it was judged by."""
    if case.difference is None or case.interval is None or case.base is None:
        return detail or ""
    if not case.interval.low < case.interval.high and case.difference == 0:
        change = f"{case.gate.metric} {case.values.mean():.4f} is the same for each of {case.users} users"
        return f"{detail}; {change}" if detail else change
    low, high = case.interval
    change = (
        f"{case.gate.metric} {case.values.mean():.4f} against {case.base.mean():.4f}, {case.difference:+.1%} "
        f"({case.gate.confidence:.0%} interval {low:+.1%} to {high:+.1%}, {case.users} users)"
    )
    if detail:
        return f"{detail}; {change}"
    blind = f"a loss smaller than {case.difference - low:.1%} could not have been seen"
    return f"{change}; no loss above {case.gate.tolerance:.1%} is proven; {blind}"
