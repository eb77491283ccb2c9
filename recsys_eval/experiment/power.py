"""How many users an experiment needs, what it can see with those it has, and how likely it is to see it.

Two-sided tests, with the normal approximation. Where one may look at any time, the test at the planned end
needs more standard errors; a stop on the way comes on top, so power is then a lower bound.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]  # no stubs

from recsys_eval.errors import InvalidFrame
from recsys_eval.experiment.sequential import fixed_multiplier, sequential_multiplier

NEVER = 10**15  # users, where a lift is too small to be seen by anybody


@dataclass(frozen=True, kw_only=True)
class Design:
    """A metric as the control has it, and how it is tested; users are those of control and treatment together.

    ``mean`` is the metric, ``deviation`` the standard deviation of what one user adds to it (for a ratio: of its
    linearised value). ``share`` is the treatment's part of the users. ``planned`` is None for one look at the end.
    Raises ``InvalidFrame`` for a mean of 0, of which no relative change is defined, and where users do not differ.

    Stability: experimental
    """

    mean: float
    deviation: float
    confidence: float = 0.95
    wanted_power: float = 0.8
    share: float = 0.5
    planned: int | None = None

    def __post_init__(self) -> None:
        """Refuse what has no answer."""
        if not (np.isfinite(self.mean) and self.mean != 0):
            raise InvalidFrame(f"the mean is {self.mean}; a relative change of it is not defined, it must not be 0")
        if not (np.isfinite(self.deviation) and self.deviation > 0):
            raise InvalidFrame(f"the standard deviation is {self.deviation}; users differ, so it must be above 0")
        for what, share in (
            ("the treatment's share", self.share),
            ("the confidence", self.confidence),
            ("the wanted power", self.wanted_power),
        ):
            if not 0 < share < 1:
                raise InvalidFrame(f"{what} is {share}; it must lie between 0 and 1")

    def needed_users(self, lift: float) -> int:
        """With how many users a relative change of ``lift`` is seen with the wanted power; ``NEVER`` for more.

        >>> Design(mean=0.5, deviation=0.5).needed_users(0.1)  # per arm 2 (1.96 + 0.8416)^2 / 0.1^2 = 1569.8
        3140
        """
        if not (np.isfinite(lift) and lift != 0):
            raise InvalidFrame(f"the lift is {lift}; nobody can see a change of nothing")
        reach = max(self.multiplier + float(ndtri(self.wanted_power)), 0.0)
        with np.errstate(divide="ignore", over="ignore"):
            users = np.square(reach * self._error(1) / np.abs(np.float64(lift) * self.mean))
        return int(np.clip(np.ceil(users), 2, NEVER))

    def at_any_time(self, planned: int) -> "Design":
        """The same, where one may look at any time and plans for so many users."""
        return replace(self, planned=planned)

    def power(self, lift: float, users: int) -> float:
        """How likely a relative change of ``lift`` is to be seen with so many users."""
        shift = abs(lift * self.mean) / self._error(users)
        return float(ndtr(shift - self.multiplier) + ndtr(-self.multiplier - shift))

    def smallest_lift(self, users: int) -> float:
        """The smallest relative change that is seen with the wanted power, with so many users."""
        return (self.multiplier + float(ndtri(self.wanted_power))) * self._error(users) / abs(self.mean)

    @property
    def multiplier(self) -> float:
        """How many standard errors a difference must reach at the end."""
        if self.planned is None:
            return fixed_multiplier(self.confidence)
        return float(sequential_multiplier(np.asarray(float(self.planned)), self.confidence, self.planned))

    def _error(self, users: int) -> float:
        return float(self.deviation * np.sqrt(1 / (users * self.share) + 1 / (users * (1 - self.share))))
