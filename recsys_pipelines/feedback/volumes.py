"""How many events of each type there were, by hour (R43): what a dashboard of volumes is drawn from."""

import polars as pl

from data_contracts.feedback_tables import VOLUMES
from recsys_pipelines.contract import schema


def volumes(events: pl.LazyFrame) -> pl.DataFrame:
    """A row per hour and type that has events (columns of ``VOLUMES``); ``events`` have ts and type."""
    hours = events.group_by(hour=pl.col("ts").dt.truncate("1h"), type="type").agg(events=pl.len())
    return hours.select(VOLUMES.names).cast(schema(VOLUMES)).sort("hour", "type").collect()


def by_type(volumes: pl.DataFrame) -> dict[str, int]:
    """The events of each type in all, by name."""
    return dict(volumes.group_by("type").agg(pl.col("events").sum()).sort("type").iter_rows())
