"""Clocks that run ahead: an event from the near future gets the time at which it was received, and a flag.

Times are measured by a server's clock, never by a sender's. That is the event's ``received_at`` where the source has
one; else the moment at which the file's content was landed for the first time, which the ledger keeps. So the same file
gives the same rows when it is read again: after a crash, with another mapping, in a full rebuild.
"""

from datetime import datetime, timedelta

import polars as pl

from data_contracts.policies import Clock
from recsys_pipelines.contract import KINDS, received

CLAMPED = "clock_clamped"


def clamped(events: pl.DataFrame, clock: Clock, landed_at: datetime) -> pl.DataFrame:
    """The mapped events with times that are no longer ahead; rows from further ahead stay, to be rejected.

    An event that is ahead by more than ``tolerance_s`` and at most by ``clamp_within_s`` gets the time of reference and
    the flag ``clock_clamped``, after the flags that it has.
    """
    reference = received(pl.lit(landed_at, KINDS["timestamp"]))
    ahead = pl.col("ts") - reference
    skewed = (ahead > timedelta(seconds=clock.tolerance_s)) & (ahead <= timedelta(seconds=clock.clamp_within_s))
    flags = pl.concat_str("flags", pl.lit(CLAMPED), separator=",", ignore_nulls=True)
    return events.with_columns(
        ts=pl.when(skewed).then(reference).otherwise("ts"),
        flags=pl.when(skewed).then(flags).otherwise("flags"),
    )


def is_clamped() -> pl.Expr:
    """Whether an event's time is not the one that its source said."""
    return pl.col("flags").str.split(",").list.contains(CLAMPED).fill_null(value=False)
