"""The daily rhythm: from new files to a release, one run per tenant and day."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from assets.partitions import key
from jobs.instance import register
from recsys_pipelines.tenants import tenants

DAILY = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.groups("data", "features", "models", "evaluation", "release", "feedback"),
    description="Ingest, validate, train, evaluate, gate, publish: one tenant's day, or a range as of its last day.",
)


def requests(day: date, names: list[str]) -> Iterator[dg.RunRequest]:
    """One run per tenant; the run key makes a second tick of the same day start nothing."""
    for name in names:
        yield dg.RunRequest(run_key=f"{name}|{day}", partition_key=key(name, day), tags={"tenant": name})


def schedule(cron: str) -> dg.ScheduleDefinition:
    """Starts yesterday's run for every tenant whose document asks for this cron expression, UTC."""

    @dg.schedule(
        name=f"daily_at_{slug(cron)}",
        job=DAILY,
        cron_schedule=cron,
        execution_timezone="UTC",
        description=f"Yesterday's run for every tenant whose schedule is `{cron}`.",
    )
    def daily_at(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        tick = context.scheduled_execution_time or datetime.now(UTC)
        names = scheduled(cron)
        register(context.instance, names)  # a new tenant's first tick may come before the sensor's
        yield from requests(tick.date() - timedelta(days=1), names)

    return daily_at


def scheduled(cron: str) -> list[str]:
    """The tenants of one cron expression, read now, so that a new tenant needs no restart."""
    return [name for name, tenant in tenants(os.environ).known.items() if tenant.document.schedule == cron]


def slug(cron: str) -> str:
    """A cron expression as a Dagster name."""
    words = {"*": "all", "/": "_every_", ",": "_and_", "-": "_to_", " ": "_"}
    return "".join(words.get(char, char) for char in cron)
