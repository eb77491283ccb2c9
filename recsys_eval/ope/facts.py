"""What an off-policy evaluation states: one record, the agreement with whoever reads the JSON."""

from typing import Literal

import msgspec


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The new policy's mean reward by one estimator, with the interval that holds it; None where it has no value.

    ``per`` says of what it is the mean: of shown places, or of answers.

    Stability: experimental
    """

    estimator: str
    per: Literal["place", "answer"]
    value: float | None
    low: float | None = None
    high: float | None = None


class Overlap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether the log can speak about the new policy.

    ``effective`` is the number of decisions under the new policy that the log is worth (Kish, 1965). ``mean_weight`` is
    1 but for chance if both policies' probabilities are right. ``unseen_share`` of the new policy is on actions that
    the log never shows in any like situation; None where the whole policy is not known.

    Stability: experimental
    """

    decisions: int
    units: int
    effective: float
    effective_share: float
    mean_weight: float
    mean_weight_low: float
    mean_weight_high: float
    largest_weight: float
    smallest_propensity: float
    clipped_share: float
    unseen_share: float | None


class OffPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The evaluation of a policy from the log of another; read ``warnings`` first.

    Stability: experimental
    """

    schema: Literal["recsys.off-policy/1"] = "recsys.off-policy/1"
    logged_value: Estimate
    estimates: tuple[Estimate, ...]
    overlap: Overlap
    warnings: tuple[str, ...]
    confidence: float
    resamples: int
    seed: int
