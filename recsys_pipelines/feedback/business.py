"""What the feedback tables say about one day, for people, dashboards and alerts."""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.feedback_tables import BAD, BAD_OUTCOMES
from recsys_pipelines.feedback.bad_outcomes import rates
from recsys_pipelines.feedback.joins import JoinFacts, day_facts, position_shares
from recsys_pipelines.lake import Lake

HISTORY_DAYS = 28
WORST = 10  # items of a kind that are named


@dataclass(frozen=True)
class Business:
    """A tenant's day: ``funnel`` and ``volumes`` with the weeks before it, how outcomes join, places shown, and how
    purchases and clicks of four weeks turned out.

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
    bad_outcomes: pl.DataFrame

    @property
    def today(self) -> pl.DataFrame:
        """The day's rows of the funnel, by surface."""
        return self.funnel.filter(pl.col("day").dt.date() == self.day)

    @property
    def bad_by_surface(self) -> pl.DataFrame:
        """The share of bad outcomes (kind, surface, outcomes, bad, share): of the purchases of four weeks, since
        returns take their time, and of the day's clicks."""
        recent = (pl.col("kind") != "unavailable_clicks") | (pl.col("day").dt.date() == self.day)
        credited = self.bad_outcomes.filter(recent, pl.col("surface") != "")
        counted = credited.group_by("kind", "surface").agg(pl.col("outcomes", "bad").sum()).sort("kind", "surface")
        return counted.with_columns(share=pl.col("bad") / pl.col("outcomes"))

    @property
    def worst_items(self) -> pl.DataFrame:
        """Of each kind the items of the highest rates (kind, item_id, outcomes, bad, rate), the worst first."""
        known = rates(self.bad_outcomes, BAD).filter(pl.col("rate") > 0)
        ranked = known.sort("kind", "rate", "item_id", descending=[False, True, False])
        return ranked.group_by("kind", maintain_order=True).head(WORST)

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
        bad_outcomes=lake.scan(BAD_OUTCOMES.name, tenant, [day]).collect(),
    )
