"""Activity: the events before an instant, by person and item, and what is counted of them in windows of days.

Everything that is added up is an integer, so neither the order of the events nor the number of threads matters.
Events are streamed, a pass for each kind of answer; what stays in memory are the answers: persons x windows, items x
windows, and the distinct pairs of the longest window (some 40 bytes each).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from data_contracts.feature_tables import PLURALS
from recsys_pipelines.identity import NOTHING, Known, persons

_READ = ("ts", "type", "user_id", "anonymous_id", "item_id", "value", "amount_minor")
_IDS = ("user_id", "anonymous_id")


@dataclass(frozen=True)
class Activity:
    """Events (ts, type, user_id: the person or null, item_id, value, amount_minor) of the longest window."""

    events: pl.LazyFrame
    as_of: datetime
    windows_days: tuple[int, ...]

    def within(self, days: int, ts: str = "ts") -> pl.Expr:
        """Whether the event lies in the window of so many days."""
        return pl.col(ts) >= self.as_of - timedelta(days=days)


def activity(events: pl.LazyFrame, as_of: datetime, windows_days: Sequence[int], *, known: Known = NOTHING) -> Activity:
    """What may be known at ``as_of`` (aware): later events are left out, also from who belongs to whom.

    ``known`` is what people said about that beside the events.
    """
    start = as_of - timedelta(days=max(windows_days))
    recent = events.select(_READ).filter(pl.col("ts") >= start, pl.col("ts") < as_of)
    by_person = recent.join(_people(recent, known).lazy(), on=_IDS, how="left", nulls_equal=True)
    return Activity(by_person.drop(_IDS).rename({"person": "user_id"}), as_of, tuple(windows_days))


def counted(activity: Activity, key: str) -> pl.DataFrame:
    """Per user or item: events of all types and of each one per window, and the newest (last_seen); by key."""
    found = activity.events.filter(pl.col(key).is_not_null()).group_by(key)
    counts = [
        (which & activity.within(days)).sum().cast(pl.Int64).alias(f"{name}_{days}d")
        for name, which in _KINDS.items()
        for days in activity.windows_days
    ]
    return found.agg(*counts, last_seen=pl.col("ts").max()).sort(key).collect(engine="streaming")


def pairs(activity: Activity, catalog: pl.DataFrame) -> pl.DataFrame:
    """Every person and item of the catalog that met (user_id, item_id, newest; views, clicks, ...: how often)."""
    both = activity.events.filter(pl.col("user_id").is_not_null())
    known = both.join(catalog.lazy().select("item_id"), on="item_id", how="semi")
    counts = [(pl.col("type") == type).sum().cast(pl.Int64).alias(name) for type, name in PLURALS.items()]
    grouped = known.group_by("user_id", "item_id").agg(*counts, newest=pl.col("ts").max())
    return grouped.collect(engine="streaming")


def different(activity: Activity, met: pl.DataFrame, key: str, name: str) -> pl.DataFrame:
    """Per user the different items, or per item the different users, within each window (``name``_7d, ...)."""
    counts = [
        activity.within(days, "newest").sum().cast(pl.Int64).alias(f"{name}_{days}d") for days in activity.windows_days
    ]
    return met.group_by(key).agg(*counts)


def _people(events: pl.LazyFrame, known: Known) -> pl.DataFrame:
    """For every pair of ids that occurs, the person."""
    ids = events.select(_IDS).unique().collect(engine="streaming")
    found = persons(ids.with_columns(given="user_id"), known)
    return found.select(pl.col("given").alias("user_id"), "anonymous_id", person="user_id")


_KINDS: dict[str, pl.Expr] = {"events": pl.lit(True)} | {name: pl.col("type") == type for type, name in PLURALS.items()}
