"""Who did it: visitors who browse anonymously and then log in are one person.

A device belongs to the user of its *latest* event that names both; earlier anonymous events of it are theirs too. The
links are read off the events each time, so resolving twice is the same as once, and nothing in the lake is rewritten.
"""

import polars as pl


def links(events: pl.DataFrame) -> pl.DataFrame:
    """Which user a device belongs to (anonymous_id, user_id), from the events that carry both, one row per device."""
    both = events.filter(pl.col("anonymous_id").is_not_null() & pl.col("user_id").is_not_null())
    newest_last = both.sort("anonymous_id", "ts", "event_id")
    return newest_last.group_by("anonymous_id").agg(pl.col("user_id").last()).sort("anonymous_id")


def resolved(events: pl.DataFrame) -> pl.DataFrame:
    """The same events, in the same order, with ``user_id`` filled in where the device is known; others stay empty."""
    known = links(events).rename({"user_id": "_owner"})
    owned = events.join(known, on="anonymous_id", how="left", maintain_order="left")
    return owned.with_columns(user_id=pl.coalesce("user_id", "_owner")).drop("_owner")
