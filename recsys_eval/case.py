"""What the gate is asked: two systems on one fixture, the metric per user, and what is known besides."""

from dataclasses import dataclass
from datetime import datetime

from data_contracts.documents import Gate
from recsys_eval.metrics.evaluation import Metrics
from recsys_eval.metrics.hits import Vector
from recsys_eval.slices import Slice
from recsys_eval.statistics import Interval
from recsys_eval.verdict import SliceValue


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known besides the metrics: parts of the truth to look at one by one, and when learning had to end.

    ``trained_until`` is the time of the newest event that the candidate learned from, or of the end of its window;
    ``cut`` is when the test begins.

    Stability: public
    """

    slices: tuple[Slice, ...] = ()
    trained_until: datetime | None = None
    cut: datetime | None = None


@dataclass(frozen=True)
class Case:
    """What the checks look at. ``values`` and ``base`` are the gate's metric per user, of candidate and incumbent."""

    gate: Gate
    candidate: Metrics
    incumbent: Metrics | None
    repeat: Metrics | None
    values: Vector
    base: Vector | None
    difference: float | None  # relative, of the means; None without an incumbent, or if its mean is 0
    interval: Interval | None
    chance: float  # of a difference this low between equal systems; 1 unless half was lost
    evidence: Evidence = Evidence()
    slices: tuple[SliceValue, ...] = ()

    @property
    def users(self) -> int:
        """How many were measured."""
        return self.values.size

    @property
    def enough(self) -> bool:
        """Whether there are as many users as the gate asks for."""
        return self.users >= self.gate.minimum_users
