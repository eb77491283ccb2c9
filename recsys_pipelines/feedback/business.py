"""What the feedback tables say about one day, for people, dashboards and alerts."""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from data_contracts.documents import TenantDocument
from recsys_pipelines.feedback.joins import JoinFacts, day_facts, position_shares
from recsys_pipelines.lake import Lake

HISTORY_DAYS = 28


@dataclass(frozen=True)
class Business:
    """A tenant's day: ``funnel`` and ``volumes`` with the weeks before it, how outcomes join, places shown.

    ``outcomes`` and ``credited`` count those of the day.
    """

    tenant: str
    currency: str
    day: date
    funnel: pl.DataFrame
    volumes: pl.DataFrame
    joins: JoinFacts
    positions: pl.DataFrame
    outcomes: int
    credited: int

    @property
    def today(self) -> pl.DataFrame:
        """The day's rows of the funnel, by surface."""
        return self.funnel.filter(pl.col("day").dt.date() == self.day)

    @property
    def events(self) -> dict[str, int]:
        """The day's events by type."""
        counted = self.volumes.filter(pl.col("hour").dt.date() == self.day).group_by("type").agg(pl.col("events").sum())
        return dict(counted.sort("type").iter_rows())


def business(document: TenantDocument, lake: Lake, day: date) -> Business:
    """The numbers of a day, with up to four weeks before it."""
    tenant = document.tenant
    days = [day - timedelta(days=n) for n in reversed(range(HISTORY_DAYS))]
    credits = lake.scan("attributions", tenant, [day]).select("method").collect()
    shown = lake.scan("exposures", tenant, [day]).select("rank").collect()
    return Business(
        tenant=tenant,
        currency=document.currency,
        day=day,
        funnel=lake.scan("funnel", tenant, days).collect(),
        volumes=lake.scan("volumes", tenant, days).collect(),
        joins=day_facts(lake, tenant, day, window_hours=document.attribution.window_hours),
        positions=position_shares(shown),
        outcomes=credits.height,
        credited=credits["method"].count(),
    )
