"""Splits of what happened into what a model may learn from and what it is asked to predict.

All take ``events`` (user_id, item_id, ts, ...) with ``ts`` in a time zone, and keep all columns and the order of rows.
A global time split is the honest one: a model is used after it was trained. Per-user last-k lets other users' future
into training, which flatters popularity and trends; it is here because published numbers use it.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from recsys_eval.errors import InvalidFrame, Leak, NothingToEvaluate
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


def given_split(train: pl.DataFrame, test: pl.DataFrame) -> Split:
    """Train and test as somebody else made them; with a ``ts`` in both, as of one cut: the first event of test.

    Without times it cannot be seen whether they leak, and a published protocol may shuffle them on purpose; then it is
    only made sure that no row stands in both. Raises ``InvalidFrame``, ``NothingToEvaluate`` and ``Leak``.

    Stability: public
    """
    split = Split(train, test)
    for name, part in split._asdict().items():
        need(part, name, ("user_id", "item_id"))
    if test.is_empty():
        raise NothingToEvaluate("test has no rows: there is nothing to predict")
    if "ts" in train.columns and "ts" in test.columns:
        _check(test)
        refuse_leak(split, span(test)[0])
        return split
    both = train.select("user_id", "item_id").unique().join(test, on=["user_id", "item_id"], how="semi")
    if both.height:
        user, item = both.sort("user_id", "item_id").row(0)
        raise Leak(
            f"{both.height} pairs of test stand in train too, such as user {user!r}, item {item!r}; "
            "if people do choose items again, give both files a column ts"
        )
    return split


def refuse_feature_leak(features: pl.DataFrame, cut: datetime) -> None:
    """Raise ``Leak`` if a feature may know what happened at ``cut`` or later.

    ``features`` has the column ``as_of`` of ``data_contracts.feature_tables``: nothing from then on was looked at, so
    it may equal the cut. Other times in it, such as ``last_seen``, are of events and must lie before. Raises
    ``InvalidFrame`` where ``as_of`` is missing or empty: what has no time cannot be shown not to leak.

    Stability: public
    """
    need(features, "features", ("as_of",))
    for column, kind in features.schema.items():
        if column == "as_of" or isinstance(kind, pl.Datetime):
            _check_times(features, column, "features", nullable=column != "as_of")
            late = pl.col(column) > cut if column == "as_of" else pl.col(column) >= cut
            rows = features.filter(late)
            if rows.height:
                latest = rows.select(pl.col(column).max().dt.to_string()).item()
                raise Leak(
                    f"features.{column} is from after the split at {cut.isoformat()} in {rows.height} of "
                    f"{features.height} rows, up to {latest}; make them as of the split"
                )


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


def span(events: pl.DataFrame) -> tuple[datetime, datetime]:
    """The times of the oldest and the newest of ``events`` (ts), of which there is at least one.

    Stability: internal
    """
    first, last = events.select(first=pl.col("ts").min(), last=pl.col("ts").max()).row(0)
    return first, last


def _refuse(leaked: pl.DataFrame, complaint: str) -> None:
    if leaked.height:
        row = leaked.sort("ts", "user_id", "item_id").row(-1, named=True)
        example = f"user {row['user_id']!r}, item {row['item_id']!r} at {row['ts'].isoformat()}"
        raise Leak(f"{complaint}; {leaked.height} of its events break this, such as {example}")


def _check(events: pl.DataFrame, cut: datetime | None = None) -> None:
    need(events, "events", ("user_id", "item_id", "ts"))
    _check_times(events, "ts", "events")
    if cut is not None and cut.tzinfo is None:
        raise InvalidFrame(f"{cut.isoformat()} has no time zone; add one, such as +00:00")


def _check_times(frame: pl.DataFrame, column: str, table: str, *, nullable: bool = False) -> None:
    kind = frame.schema[column]
    if not isinstance(kind, pl.Datetime) or kind.time_zone is None:
        raise InvalidFrame(f"{table}.{column} is {kind}; it must be a time with a zone, such as Datetime('us', 'UTC')")
    missing = frame[column].null_count()
    if missing and not nullable:
        raise InvalidFrame(
            f"{table}.{column} is empty in {missing} of {frame.height} rows; what has no time has no side of the split"
        )
