"""What the analysis of an experiment states: one record, the agreement with whoever reads the JSON."""

from typing import Literal

import msgspec

from data_contracts.records import Timestamp
from recsys_eval.experiment.plan import Better, Plan
from recsys_eval.verdict import Check

Ruling = Literal["ship", "hold", "rollback"]
Step = Literal["ramp", "hold", "rollback"]
Role = Literal["primary", "secondary", "guardrail"]
State = Literal["better", "worse", "unclear", "unknown", "held", "breached"]


class Quality(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who and what was counted, and what was not.

    ``mixed`` subjects were given several arms and are not among ``assigned``. ``unfinished``: the window of the subject
    is not over. ``outcomes_unused``: of nobody who counts, or at another time.

    Stability: experimental
    """

    assigned: int = 0
    mixed: int = 0
    not_exposed: int = 0
    unfinished: int = 0
    outcomes: int = 0
    outcomes_unused: int = 0
    outcomes_repeated: int = 0


class Arm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An arm: its share in the plan, the subjects that got it, and those that count; the control has no ruling.

    Stability: experimental
    """

    variant: str
    share: float
    assigned: int
    counted: int
    ruling: Ruling | None = None
    reasons: tuple[str, ...] = ()


class SampleRatio(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The users of each arm beside those that the planned shares would give, among all assigned or those that count.

    ``p_value`` decides: it holds however often one looks, if the plan's intervals do. ``one_look_p_value`` is Pearson's
    chi-square, which would raise false alarms if it were looked at again and again.

    Stability: experimental
    """

    of: Literal["assigned", "counted"]
    users: dict[str, int]
    expected: dict[str, float]
    p_value: float
    one_look_p_value: float


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One metric of one arm against the control.

    ``lift`` is the difference as a share of the control's value; None where that is 0 or may be. ``state`` is held or
    breached for a guardrail, better or worse for the others, else unclear, and unknown where there is no variance.
    ``variance_removed`` is the part that CUPED took away; None where nothing from before was known.

    Stability: experimental
    """

    metric: str
    role: Role
    better: Better
    variant: str
    control: float | None
    treatment: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    lift: float | None = None
    lift_low: float | None = None
    lift_high: float | None = None
    p_value: float | None = None
    corrected_p_value: float | None = None
    margin: float | None = None
    variance_removed: float | None = None
    state: State = "unknown"


class Power(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the experiment can see in its primary metric. Users are those of control and one treatment together.

    Stability: experimental
    """

    metric: str
    users: int
    lift: float
    needed_users: int
    power: float
    smallest_lift: float


class Objective(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A service level that was measured, such as ``p99_ms`` or ``error_share``; it is met at or below its limit.

    Stability: experimental
    """

    name: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        """Whether the value is within the limit."""
        return self.value <= self.limit


class ServiceLevels(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was measured of the service while the experiment ran.

    Stability: experimental
    """

    objectives: tuple[Objective, ...]


class Ramp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether more traffic may go to the treatments, from which shares to which.

    Stability: experimental
    """

    step: Step
    now: dict[str, float]
    next: dict[str, float]
    reasons: tuple[str, ...]
    objectives: tuple[Objective, ...] = ()


class Experiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An experiment's decision, why, and the numbers that it rests on. ``until`` is the newest time in the logs.

    Stability: experimental
    """

    schema: Literal["recsys.experiment/1"] = "recsys.experiment/1"
    experiment_id: str
    decision: Ruling
    variant: str | None
    reasons: tuple[str, ...]
    plan: Plan
    until: Timestamp | None
    checks: tuple[Check, ...]
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    quality: Quality
    sample_ratios: tuple[SampleRatio, ...] = ()
    power: Power | None = None
    ramp: Ramp | None = None

    @property
    def exit_code(self) -> int:
        """0 ship, 2 rollback, 3 hold; errors are 1."""
        return {"ship": 0, "rollback": 2, "hold": 3}[self.decision]
