"""The daily rhythm: from new files to a release, one run per tenant and day."""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from assets.partitions import key
from data_contracts.documents import TenantDocument
from jobs.instance import register
from recsys_pipelines.algorithm import configured, discover
from recsys_pipelines.penalties import penalized
from recsys_pipelines.tenants import tenants
from recsys_pipelines.training import fits

DAILY = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.groups("data", "features", "models", "evaluation", "release", "feedback"),
    description="Ingest, validate, train, evaluate, gate, publish: one tenant's day, or a range as of its last day.",
)


def requests(job: dg.JobDefinition, day: date, documents: Iterable[TenantDocument]) -> Iterator[dg.RunRequest]:
    """One run per tenant; the run key makes a second tick of the same day start nothing."""
    for document in documents:
        name = document.tenant
        yield dg.RunRequest(
            run_key=f"{name}|{day}",
            partition_key=key(name, day),
            tags={"tenant": name},
            asset_selection=wanted(job, document),
        )


def wanted(job: dg.JobDefinition, document: TenantDocument) -> list[dg.AssetKey]:
    """The job's assets but for algorithms that the tenant has not chosen, and a second stage or penalties that no
    surface wants.

    A step that does nothing takes a quarter of a second, and there are many algorithms.
    """
    unused = set(discover()) - {settings.name for settings in configured(document).values()}
    if "stacked" not in fits(document):
        unused.add("second_stage")
    if not penalized(document):
        unused.add("penalties")
    return sorted(set(job.asset_layer.executable_asset_keys) - {dg.AssetKey(name) for name in unused})


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
        documents = scheduled(cron)
        register(context.instance, [each.tenant for each in documents])  # a first tick may come before the sensor's
        yield from requests(context.repository_def.get_job(DAILY.name), tick.date() - timedelta(days=1), documents)

    return daily_at


def scheduled(cron: str) -> list[TenantDocument]:
    """The tenants of one cron expression, read now, so that a new tenant needs no restart."""
    return [tenant.document for tenant in tenants(os.environ).known.values() if tenant.document.schedule == cron]


def slug(cron: str) -> str:
    """A cron expression as a Dagster name."""
    words = {"*": "all", "/": "_every_", ",": "_and_", "-": "_to_", " ": "_"}
    return "".join(words.get(char, char) for char in cron)
