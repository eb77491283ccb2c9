"""What the gate decided, why, and the numbers that it rests on: a record that is kept beside the data it is about."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from data_contracts.manifest import Decision

EXIT_CODES: Mapping[Decision, int] = {"promoted": 0, "rejected": 2, "suspicious": 2, "ungated": 3}
ERROR_EXIT_CODE = 1


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that was looked at, in words and numbers.

    Stability: public
    """

    name: str
    passed: bool
    detail: str


class SliceValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The gate's metric on a part of the truth, of candidate and incumbent.

    ``difference`` and its interval are shares of the incumbent's mean in the slice, None if that is 0. The intervals of
    all slices hold together at the verdict's confidence, so ``moved`` is not a matter of looking at many slices.

    Stability: public
    """

    dimension: str
    name: str
    users: Annotated[int, msgspec.Meta(ge=0)]
    candidate: float
    incumbent: float
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    moved: Literal["up", "down", ""] = ""


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The decision, why, and the numbers it rests on.

    ``candidate`` and ``incumbent`` are means of ``metric``; ``difference`` and its interval ``low`` .. ``high`` are
    shares of the incumbent's mean. None where there is no incumbent, or its mean is 0. ``better`` and ``worse`` are how
    many users have a higher or lower value than with the incumbent; with the others nothing changed.

    Stability: public
    """

    decision: Decision
    reason: str
    metric: str
    users: Annotated[int, msgspec.Meta(ge=0)]
    candidate: float
    incumbent: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    better: int | None = None
    worse: int | None = None
    confidence: float = 0.95
    tolerance: float = 0.0
    suspicious_gain: float = 0.0
    checks: tuple[Check, ...] = ()
    slices: tuple[SliceValue, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 promoted, 2 rejected or suspicious, 3 ungated; errors are 1."""
        return EXIT_CODES[self.decision]
