"""Who an event belongs to: anonymous ids that logged in are merged with their user.

Links are derived from the events themselves, whenever they are read, and written nowhere: an event that carries both
ids says so. Merging twice is merging once, and history is never rewritten. An anonymous id that was seen with more
than one user is a shared device and stays anonymous, so that nobody is shown what somebody else looked at.
"""

import polars as pl


def links(events: pl.DataFrame) -> pl.DataFrame:
    """Which user an anonymous id belongs to (anonymous_id, user_id), by anonymous id."""
    pairs = events.select("anonymous_id", "user_id").drop_nulls().unique()
    return pairs.filter(~pl.col("anonymous_id").is_duplicated()).sort("anonymous_id")


def resolved(events: pl.DataFrame) -> pl.DataFrame:
    """The events with ``user_id`` filled in where their anonymous id is linked to one; the rest stays null."""
    known = links(events).rename({"user_id": "linked"})
    joined = events.join(known, on="anonymous_id", how="left", maintain_order="left")
    return joined.with_columns(user_id=pl.coalesce("user_id", "linked")).drop("linked")


def persons(events: pl.DataFrame) -> pl.DataFrame:
    """The events with, as ``user_id``, the person: the user if known, else the anonymous id, else null.

    An anonymous id that is also some user's id names nobody. A session is no person; a tenant without other ids maps
    its session column to ``anonymous_id``.
    """
    known = resolved(events)
    free = ~pl.col("anonymous_id").is_in(known["user_id"].drop_nulls().unique().implode())
    stranger = pl.when(pl.col("user_id").is_null() & free).then("anonymous_id")
    return known.with_columns(user_id=pl.coalesce("user_id", stranger))
