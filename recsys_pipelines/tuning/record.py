"""What a search found: trial by trial, and the settings to take."""

from typing import Any, Literal

import msgspec

State = Literal["complete", "pruned", "failed"]


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings that were tried: their metric on each fold, as many as were looked at before it was given up.

    ``value`` is the mean over those; None where it failed, for the reason in ``note``.
    """

    number: int  # 0 is what was there before the search: the defaults, or the tenant's settings
    settings: dict[str, Any]
    state: State
    values: tuple[float, ...]
    value: float | None
    seconds: float
    note: str = ""


class Tuned(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``best`` is the complete trial with the highest value; ``set`` says it as options of `recsys backtest`.

    ``best`` was chosen by its value, so that expects a little too much: measure it on data that no trial has seen.
    """

    schema: Literal["recsys.tuning/1"] = "recsys.tuning/1"
    algorithm: str
    artifact: str
    metric: str
    folds: int
    space: dict[str, str]
    seed: int
    before: Trial
    best: Trial
    set: tuple[str, ...]
    trials: tuple[Trial, ...]
