"""What retention has let go, as ingest has to know it: days that do not come back, and files that were emptied.

The record is written before anything is deleted; so a run that was killed half way leaves nothing that a later ingest
would bring back. Without a record nothing was let go: a tenant whose data is older than its policy loses none of it
before somebody runs `recsys retain`.
"""

from datetime import date, datetime, time

import msgspec
import polars as pl

from recsys_pipelines.lake import Lake

RECORD = "retained"


class Retained(msgspec.Struct, frozen=True, kw_only=True):
    """``events_from`` is the first day that is kept; ``emptied`` are landed files whose rows are gone for good."""

    events_from: date | None = None
    emptied: tuple[str, ...] = ()


def retained(lake: Lake, tenant: str) -> Retained:
    """What was let go so far."""
    return lake.read_json(RECORD, tenant, None, Retained) or Retained()


def recent(events: pl.DataFrame, since: date | None) -> pl.DataFrame:
    """The events that may come, or come again; those whose time could not be read stay, to be rejected."""
    if since is None:
        return events
    begin = pl.lit(datetime.combine(since, time())).dt.replace_time_zone("UTC")
    return events.filter((pl.col("ts") >= begin).fill_null(value=True))
