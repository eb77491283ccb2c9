"""Splits of what happened into what a model may learn from and what it is asked to predict.

All take ``events`` (user_id, item_id, ts, ...) with ``ts`` in a time zone, and keep all columns and the order of rows.
A global time split is the honest one: a model is used after it was trained. Per-user last-k lets other users' future
into training, which flatters popularity and trends; it is here because published numbers use it.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from recsys_eval.errors import InvalidFrame, Leak
from recsys_eval.frames import need


class Split(NamedTuple):
    """Events to learn from and events to predict.

    Stability: public
    """

    train: pl.DataFrame
    test: pl.DataFrame


class Fold(NamedTuple):
    """One of several time splits: train is before ``cut``, test from ``cut`` to before ``end``.

    Stability: public
    """

    cut: datetime
    end: datetime
    train: pl.DataFrame
    test: pl.DataFrame


def time_split(events: pl.DataFrame, cut: datetime) -> Split:
    """Train holds what happened before ``cut``, test what happened at or after it; either may be empty.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> events = pl.DataFrame({"user_id": ["ann", "ann"], "item_id": ["a", "b"], "ts": [noon - timedelta(1), noon]})
    >>> split = time_split(events, noon)
    >>> split.train["item_id"].to_list(), split.test["item_id"].to_list()
    (['a'], ['b'])

    Stability: public
    """
    _check(events, cut)
    return Split(events.filter(pl.col("ts") < cut), events.filter(pl.col("ts") >= cut))


def last_k_split(events: pl.DataFrame, k: int = 1) -> Split:
    """Each user's last ``k`` events are test; a user with at most ``k`` stays in train, with nothing to be tested on.

    Events at the same time are taken in the order of their item id, then of the rows.

    Stability: public
    """
    _check(events)
    if k < 1:
        raise InvalidFrame(f"k is {k}; at least the last event must be held out")
    ordered = events.with_row_index("_row").sort("user_id", "ts", "item_id", "_row")
    from_end = pl.int_range(pl.len(), 0, -1).over("user_id")  # the last event is 1
    held = ordered.filter((from_end <= k) & (pl.len().over("user_id") > k))["_row"]
    outside = pl.int_range(pl.len(), dtype=pl.UInt32).is_in(held.implode())
    return Split(events.filter(~outside), events.filter(outside))


def time_folds(events: pl.DataFrame, end: datetime, folds: int, width: timedelta) -> list[Fold]:
    """``folds`` time splits, oldest first: each tests the ``width`` before the next one's, and trains on all before it.

    Stability: public
    """
    _check(events, end)
    if folds < 1 or width <= timedelta(0):
        raise InvalidFrame(f"{folds} folds of {width}: there must be at least one, of more than no time")
    cuts = [end - width * count for count in range(folds, 0, -1)]
    splits = [time_split(events.filter(pl.col("ts") < cut + width), cut) for cut in cuts]
    return [Fold(cut, cut + width, *split) for cut, split in zip(cuts, splits, strict=True)]


def refuse_leak(split: Split, cut: datetime) -> None:
    """Raise ``Leak`` if an event of train is not before ``cut``, or one of test is.

    Stability: public
    """
    _check(split.train, cut)
    _check(split.test, cut)
    _refuse(split.train.filter(pl.col("ts") >= cut), f"train holds the future: it must end before {cut.isoformat()}")
    _refuse(split.test.filter(pl.col("ts") < cut), f"test holds the past: it must begin at {cut.isoformat()}")


def refuse_user_leak(split: Split) -> None:
    """Raise ``Leak`` if a user's train holds an event after the first of the user's test (for ``last_k_split``).

    Stability: public
    """
    _check(split.train)
    _check(split.test)
    first = split.test.group_by("user_id").agg(_first=pl.col("ts").min())
    late = split.train.join(first, on="user_id", maintain_order="left").filter(pl.col("ts") > pl.col("_first"))
    _refuse(late, "train holds events of users from after their own test began")


def _refuse(leaked: pl.DataFrame, complaint: str) -> None:
    if leaked.height:
        row = leaked.sort("ts", "user_id", "item_id").row(-1, named=True)
        example = f"user {row['user_id']!r}, item {row['item_id']!r} at {row['ts'].isoformat()}"
        raise Leak(f"{complaint}; {leaked.height} of its events break this, such as {example}")


def _check(events: pl.DataFrame, cut: datetime | None = None) -> None:
    need(events, "events", ("user_id", "item_id", "ts"))
    kind = events.schema["ts"]
    if not isinstance(kind, pl.Datetime) or kind.time_zone is None:
        raise InvalidFrame(f"events.ts is {kind}; it must be a time with a zone, such as Datetime('us', 'UTC')")
    if missing := events["ts"].null_count():
        raise InvalidFrame(
            f"events.ts is empty in {missing} of {events.height} rows; an event without a time has no side"
        )
    if cut is not None and cut.tzinfo is None:
        raise InvalidFrame(f"{cut.isoformat()} has no time zone; add one, such as +00:00")
