"""One partitions definition for the whole graph: tenant and UTC day.

The dimension names are chosen so that keys sort by tenant first (``demo|2026-01-28``): a range of days of one tenant
is then a contiguous range of keys, and a backfill of 28 days, from the UI or the command line, is one run instead of
28. Every asset has the same definition and policy; otherwise a backfill falls apart into one run per asset.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import dagster as dg

from recsys_pipelines.tenants import tenants

# Features that Dagster calls beta or preview, and that its own platform is built with; said once is enough.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

TENANTS = dg.DynamicPartitionsDefinition(name="tenants")
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
SINGLE_RUN = dg.BackfillPolicy.single_run()


class Scope(NamedTuple):
    """What one run is about: a tenant, and the days from ``first`` to ``day``; models are as of the end of ``day``."""

    tenant: str
    first: date
    day: date

    @property
    def days(self) -> tuple[date, ...]:
        """Every day of the range, in order."""
        return tuple(self.first + timedelta(days=n) for n in range((self.day - self.first).days + 1))


def first_day(environ: Mapping[str, str]) -> date:
    """The earliest first day of any tenant; 2025 where there is none."""
    return min((t.document.first_day for t in tenants(environ).known.values()), default=date(2025, 1, 1))


def by_tenant_and_day(first: date) -> dg.MultiPartitionsDefinition:
    """The partitions of every asset, from the day ``first`` to yesterday (UTC)."""
    days = dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone="UTC")
    return dg.MultiPartitionsDefinition({"tenant": TENANTS, "time": days})


PARTITIONS = by_tenant_and_day(first_day(os.environ))  # the graph is built once per code location


def key(tenant: str, day: date) -> dg.MultiPartitionKey:
    """The partition key of one tenant's day."""
    return dg.MultiPartitionKey({"tenant": tenant, "time": day.isoformat()})


def scope_of(keys: Sequence[str]) -> Scope:
    """The tenant and days of a run's partition keys. Raises ``ValueError`` if they are of several tenants."""
    parts = sorted(tuple(str(name).split("|")) for name in keys)
    tenants = {tenant for tenant, _ in parts}
    if len(tenants) != 1:
        raise ValueError(f"one run is about one tenant, but this one covers {', '.join(sorted(tenants)) or 'none'}")
    days = [date.fromisoformat(day) for _, day in parts]
    return Scope(tenants.pop(), days[0], days[-1])


def tenant_of(tags: Mapping[str, str]) -> str | None:
    """The tenant of a run, by the tags that say which partition or range of partitions it is for."""
    found = tags.get(RANGE_START) or tags.get("dagster/partition")
    return found.partition("|")[0] if found else None
