"""Whether outcomes find the exposures that they name, and where on the list people were shown things.

Reported before any metric: an outcome whose exposure is missing cannot be credited, and a rate over such outcomes means
nothing. Events and exposures are frames of ``tables.EVENTS`` and ``feedback_tables.EXPOSURES``.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from data_contracts.feedback_tables import OUTCOMES
from recsys_pipelines.lake import Lake

WINDOW_HOURS = 168.0  # as documents.Attribution has it by default


@dataclass(frozen=True)
class JoinFacts:
    """How outcomes (click, add, purchase) and exposures fit together."""

    outcomes: int
    with_request: int  # of these, such as name the answer that led to them
    joined: int  # of these, such as find it, with their item in it
    requests: int  # answers
    items: int  # items in them
    unranked: int  # items without a place
    repeated: int  # rows of an item that its answer has already

    @property
    def orphans(self) -> int:
        """Outcomes that name an answer which is not there, or did not hold their item."""
        return self.with_request - self.joined

    @property
    def join_share(self) -> float | None:
        """Of the outcomes that name an answer, those that find it; None where none names one."""
        return self.joined / self.with_request if self.with_request else None


def join_facts(exposures: pl.DataFrame, events: pl.DataFrame) -> JoinFacts:
    """Count both sides; ``exposures`` should reach back as far as an outcome may name."""
    key = ["request_id", "item_id"]
    outcomes = events.filter(pl.col("type").is_in(OUTCOMES)).select(key)
    named = outcomes.filter(pl.col("request_id").is_not_null())
    return JoinFacts(
        outcomes=outcomes.height,
        with_request=named.height,
        joined=named.join(exposures.select(key), on=key, how="semi").height,
        requests=exposures["request_id"].n_unique(),
        items=exposures.height,
        unranked=exposures["rank"].null_count(),
        repeated=exposures.height - exposures.select(key).n_unique(),
    )


def position_shares(exposures: pl.DataFrame) -> pl.DataFrame:
    """How the items shown are spread over the places (rank, items, share in 0..1), by rank.

    A list of k places that is always full gives each 1/k; a place far above its neighbours was logged wrong.
    """
    counted = exposures.drop_nulls("rank").group_by("rank").agg(items=pl.len().cast(pl.Int64)).sort("rank")
    return counted.with_columns(share=pl.col("items") / pl.col("items").sum())


def join_share(lake: Lake, tenant: str, day: date, *, window_hours: float = WINDOW_HOURS) -> float | None:
    """The share of a day's outcomes with a request id that find their exposure; None where there is nothing to join."""
    return day_facts(lake, tenant, day, window_hours=window_hours).join_share


def day_facts(lake: Lake, tenant: str, day: date, *, window_hours: float = WINDOW_HOURS) -> JoinFacts:
    """The facts of one day's outcomes, and the exposures from ``window_hours`` before the day until its end."""
    events = lake.scan("events", tenant, [day]).select("type", "request_id", "item_id").collect()
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=window_hours)
    days = [start.date() + timedelta(days=n) for n in range((day - start.date()).days + 1)]
    exposures = lake.scan("exposures", tenant, days).select("request_id", "item_id", "rank").collect()
    return join_facts(exposures, events)
