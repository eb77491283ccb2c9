"""What a backtest found: the agreement with scripts that read its JSON."""

from typing import Any, Literal

import msgspec


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One algorithm. ``intervals`` holds (low, high) of the mean over users, for the ranking metrics.

    ``fit_s`` is the time to learn, ``recommend_s`` the time to score and rank for all users asked for; with several
    folds both are sums. ``peak_mb`` (millions of bytes) is the most memory that the algorithm's process held at once:
    interpreter, libraries and data too, which were ``base_mb`` before it began to learn.
    """

    algorithm: str
    metrics: dict[str, float]
    fit_s: float
    recommend_s: float
    peak_mb: float
    base_mb: float = 0.0
    kind: str = ""  # the algorithm's own name, where `algorithm` is a label
    settings: dict[str, Any] = {}
    intervals: dict[str, tuple[float, float]] = {}


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The mean difference per user of two results, ``better`` - ``than``, with its bootstrap interval.

    ``certain``: the interval does not hold 0. Against popularity ``better`` may be the worse one.
    """

    metric: str
    better: str
    than: str
    difference: float
    low: float
    high: float
    confidence: float
    certain: bool


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was asked: sizes are sums over the folds."""

    split: str
    folds: int
    train_events: int
    truth_pairs: int
    users: int  # with test items
    items: int
    k: tuple[int, ...]
    seen_removed: bool
    candidates: bool
    seed: int


class Backtest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Results in the order that was asked for, and what their metrics mean.

    ``comparisons`` are of the best with each other one, best first; ``against_popularity`` of each one with the list
    for everybody, where that ran.
    """

    schema: Literal["recsys.backtest/1"] = "recsys.backtest/1"
    protocol: Protocol
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...]
    against_popularity: tuple[Comparison, ...] = ()
    definitions: dict[str, str]
    warnings: tuple[str, ...] = ()
