"""One metric of one arm against the control: the difference, its interval, and the lift with its own."""

import math
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import polars as pl

from recsys_eval.experiment.cuped import adjusted, linearized
from recsys_eval.experiment.facts import Comparison, Role, State
from recsys_eval.experiment.moments import Moments, moments
from recsys_eval.experiment.plan import Better, Metric, Plan
from recsys_eval.experiment.sequential import (
    fixed_multiplier,
    fixed_p_value,
    sequential_multiplier,
    sequential_p_value,
)
from recsys_eval.metrics.hits import Vector
from recsys_eval.statistics import Interval

DIGITS = 12  # the same on any machine


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which metric of which arm is compared, what for, and the margin of a guardrail.

    Stability: experimental
    """

    metric: Metric
    variant: str
    role: Role
    margin: float | None = None


@dataclass(frozen=True)
class Pair:
    """The moments of a treatment and of the control, and the part of the variance that CUPED removed.

    Stability: experimental
    """

    treatment: Moments
    control: Moments
    variance_removed: float | None = None

    @property
    def users(self) -> float:
        """The users of both."""
        return float(self.treatment.users + self.control.users)

    @property
    def difference(self) -> float:
        """Treatment less control."""
        return float(self.treatment.rate - self.control.rate)

    @property
    def error(self) -> float:
        """The standard error of the difference."""
        return math.sqrt(float(self.treatment.variance + self.control.variance))


def pairs(counted: pl.DataFrame, before: pl.DataFrame | None, metric: Metric, plan: Plan) -> dict[str, Pair]:
    """The moments of each treatment beside those of the control, adjusted by what is known from before.

    Stability: experimental
    """
    variant = counted["variant"].to_numpy()
    numerator, denominator = (counted[name].to_numpy() for name in (metric.numerator, metric.denominator))
    covariate = _covariate(counted, before, metric)
    steady = numerator if covariate is None else adjusted(numerator, denominator, covariate)
    control = variant == plan.control
    found = {}
    for treatment in plan.treatments:
        given = variant == treatment
        plain, calm = (
            Pair(moments(values[given], denominator[given]), moments(values[control], denominator[control]))
            for values in (numerator, steady)
        )
        found[treatment] = plain if covariate is None else replace(calm, variance_removed=_removed(plain, calm))
    return found


def compare(pair: Pair, question: Question, plan: Plan) -> Comparison:
    """The comparison as a record, before several of them are corrected for each other.

    The interval of the difference is symmetric; that of the lift is Fieller's (1954), so one leaves out zero exactly
    when the other does. Without variance (nobody converted, one user) there is no interval.

    Stability: experimental
    """
    control, error = _number(pair.control.rate), pair.error
    asked = Comparison(
        metric=question.metric.name,
        role=question.role,
        better=question.metric.better,
        variant=question.variant,
        control=control,
        treatment=_number(pair.treatment.rate),
        margin=question.margin,
    )
    if control is None or asked.treatment is None or not error > 0:
        return asked
    reach = multiplier(pair.users, plan)
    lift = lift_interval(pair, reach)
    return msgspec.structs.replace(
        asked,
        difference=_number(pair.difference),
        low=_number(pair.difference - reach * error),
        high=_number(pair.difference + reach * error),
        lift=lift and _number(pair.difference / float(pair.control.rate)),
        lift_low=lift and _number(lift.low),
        lift_high=lift and _number(lift.high),
        p_value=_number(p_value(pair, plan)),
        variance_removed=pair.variance_removed,
        state="unclear" if question.margin is None else guarded(lift, question.margin, question.metric.better),
    )


def multiplier(users: float, plan: Plan) -> float:
    """How many standard errors to either side the plan's intervals reach."""
    if not plan.peeking:
        return fixed_multiplier(plan.confidence)
    return float(sequential_multiplier(np.asarray(users), plan.confidence, plan.planned_users))


def p_value(pair: Pair, plan: Plan) -> float:
    """The two-sided p-value of no difference, in the plan's way of looking."""
    z = np.asarray(pair.difference / pair.error)
    if not plan.peeking:
        return float(fixed_p_value(z))
    return float(sequential_p_value(z, np.asarray(pair.users), plan.confidence, plan.planned_users))


def lift_interval(pair: Pair, reach: float) -> Interval | None:
    """All relative changes that are within reach: those ``x`` with |treatment - (1 + x) control| <= reach x its error.

    None where the control's own value is within reach of 0, as no relative change is out of reach then.
    """
    treatment, control = float(pair.treatment.rate), float(pair.control.rate)
    noise_t, noise_c = (reach**2 * float(arm.variance) for arm in (pair.treatment, pair.control))
    square = control**2 - noise_c
    if square <= 0:
        return None
    root = math.sqrt(max(0.0, noise_t * square + noise_c * treatment**2))
    ends = sorted(((treatment * control - root) / square, (treatment * control + root) / square))
    return Interval(ends[0] - 1, ends[1] - 1)


def guarded(lift: Interval | None, margin: float, better: Better) -> State:
    """Whether a guardrail is shown to hold (no worse than the margin), shown to be breached, or neither."""
    if lift is None:
        return "unclear"
    worst, best = (lift.low, lift.high) if better == "higher" else (-lift.high, -lift.low)
    if worst > -margin:
        return "held"
    return "breached" if best < -margin else "unclear"


def _covariate(counted: pl.DataFrame, before: pl.DataFrame | None, metric: Metric) -> Vector | None:
    """The metric of each subject before the experiment, linearised over all; nan for who was not there."""
    needed = [name for name in dict.fromkeys((metric.numerator, metric.denominator)) if name != "users"]
    if before is None or not set(needed) <= set(before.columns):
        return None
    known = counted.select("subject_id").join(
        before.select("subject_id", *needed).with_columns(users=pl.lit(1.0)),
        on="subject_id",
        how="left",
        maintain_order="left",
    )
    numerator, denominator = (
        known[name].fill_null(float("nan")).to_numpy() for name in (metric.numerator, metric.denominator)
    )
    return linearized(numerator, denominator)


def _removed(plain: Pair, calm: Pair) -> float | None:
    return _number(1 - (calm.error / plain.error) ** 2) if plain.error > 0 else None


def _number(value: float | Vector) -> float | None:
    number = float(value)
    return round(number, DIGITS) if math.isfinite(number) else None
