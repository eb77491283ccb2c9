"""What an experiment sets out to show, written down before it is looked at: arms, metrics, margins, error rates.

A plan is a JSON document. Everything but the names of experiment and arms has a default.
"""

from typing import Annotated, Literal

import msgspec

from data_contracts.errors import InvalidDocument
from data_contracts.records import Id, Share, Timestamp

Better = Literal["higher", "lower"]
OpenShare = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Several = Annotated[int, msgspec.Meta(ge=2)]
Planned = Annotated[int, msgspec.Meta(ge=2, le=1_000_000_000)]
Hours = Annotated[float, msgspec.Meta(gt=0, le=100_000)]
SHARES_ADD_UP_TO = 1e-6


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A ratio of two columns that are summed per user; ``users`` is 1 for everybody, so it makes a mean per user.

    Stability: experimental
    """

    name: str
    numerator: str
    denominator: str = "users"
    better: Better = "higher"


BUILT_IN: tuple[Metric, ...] = (
    Metric(name="ctr", numerator="clicks", denominator="impressions"),
    Metric(name="add_rate", numerator="adds", denominator="impressions"),
    Metric(name="conversion", numerator="converted"),
    Metric(name="purchases_per_user", numerator="purchases"),
    Metric(name="revenue_per_user", numerator="revenue"),
)


class Guardrail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A metric that may get worse by less than ``margin``, a share of the control's value.

    Stability: experimental
    """

    metric: str
    margin: Share = 0.02


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is compared, and how strictly.

    ``shares`` are the parts of the traffic that the arms are to get now. ``since`` drops subjects who were assigned
    earlier: name the start of the present shares, because arms of a ramp must not be pooled over its steps. With
    ``window_hours`` a subject counts when so many hours have passed since the first exposure, with the outcomes of
    these hours. ``peeking`` makes intervals that hold however often one looks; without it they hold for one look at the
    planned end. ``planned_users``, of control and one treatment together, is where the former are narrowest.
    ``next_shares`` are those of the next step of a ramp. ``surface`` counts only exposures there (and outcomes, where
    they name one).

    Stability: experimental
    """

    experiment_id: Id
    control: str
    shares: dict[str, OpenShare]
    primary: str = "conversion"
    secondary: tuple[str, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    metrics: tuple[Metric, ...] = ()
    peeking: bool = True
    planned_users: Planned = 10_000
    minimum_users: Several = 100
    confidence: OpenShare = 0.95
    power: OpenShare = 0.8
    minimum_lift: Positive = 0.02
    correction: Literal["holm", "bh"] = "holm"
    srm_alpha: OpenShare = 0.001
    maximum_mixed_share: Share = 0.01
    since: Timestamp | None = None
    window_hours: Hours | None = None
    surface: str | None = None
    next_shares: dict[str, OpenShare] = {}

    @property
    def treatments(self) -> tuple[str, ...]:
        """The arms that are compared with the control, by name."""
        return tuple(sorted(set(self.shares) - {self.control}))

    @property
    def measured(self) -> tuple[Metric, ...]:
        """The metrics to compute: primary, secondary, guardrails, each once."""
        names = dict.fromkeys((self.primary, *self.secondary, *(guardrail.metric for guardrail in self.guardrails)))
        return tuple(self.metric(name) for name in names)

    def metric(self, name: str) -> Metric:
        """The metric of that name. Raises ``InvalidDocument`` that lists those there are."""
        known = {metric.name: metric for metric in (*BUILT_IN, *self.metrics)}
        if name not in known:
            raise InvalidDocument(f"plan: there is no metric {name!r}; there are {', '.join(known)}")
        return known[name]


def checked(plan: Plan) -> Plan:
    """The plan, if it makes sense. Raises ``InvalidDocument`` for one arm, shares that are not 1, unknown metrics."""
    if plan.control not in plan.shares:
        raise InvalidDocument(f"plan: the control {plan.control!r} has no share; shares has {_names(plan.shares)}")
    if not plan.treatments:
        raise InvalidDocument(f"plan: an experiment with one arm ({plan.control!r}) compares nothing; add another")
    if abs(sum(plan.shares.values()) - 1) > SHARES_ADD_UP_TO:
        raise InvalidDocument(f"plan: shares add up to {sum(plan.shares.values()):g}, not to 1")
    names = [metric.name for metric in (*BUILT_IN, *plan.metrics)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidDocument(f"plan: the metric {repeated[0]!r} is defined twice; give yours another name")
    for name in (plan.primary, *plan.secondary, *(guardrail.metric for guardrail in plan.guardrails)):
        plan.metric(name)
    if plan.next_shares and set(plan.next_shares) != set(plan.shares):
        raise InvalidDocument(f"plan: next_shares has {_names(plan.next_shares)}; shares has {_names(plan.shares)}")
    return plan


def _names(shares: dict[str, float]) -> str:
    return ", ".join(sorted(shares)) or "none"
