"""The weekly rhythm: what is older than a tenant's policy says is deleted.

The schedule is off until somebody turns it on, since what it deletes does not come back.
"""

import os
from collections.abc import Iterator

import dagster as dg

from assets.resources import Suite
from recsys_pipelines.privacy.retention import retain
from recsys_pipelines.tenants import tenants

CRON = "0 4 * * 0"
WAIT_S = 3_600.0  # for the night's run of the tenant to end


class WhatToRetain(dg.Config):
    """Set by the schedule, or in the launchpad."""

    tenant: str
    dry_run: bool = False


@dg.op
def let_go(context: dg.OpExecutionContext, config: WhatToRetain, suite: Suite) -> None:
    """Delete what is too old in every store of one tenant, and say how much that was."""
    let = retain(suite.workshop, config.tenant, dry_run=config.dry_run, wait_s=WAIT_S)
    for store in let.stores:
        context.log.info("%s: %d keys, %d bytes from before %s", store.store, store.keys, store.bytes, store.before)
    context.add_output_metadata({"keys": let.keys, **{store.store: store.keys for store in let.stores}})


@dg.job(description="Let go of what is older than a tenant's retention policy says.")
def retention() -> None:
    """One tenant."""
    let_go()


@dg.schedule(
    name="weekly_retention",
    job=retention,
    cron_schedule=CRON,
    execution_timezone="UTC",
    description="Retention of every tenant, on Sundays; off until it is turned on.",
)
def weekly(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """One run per tenant and week."""
    day = context.scheduled_execution_time.date() if context.scheduled_execution_time else "now"
    for name in tenants(os.environ).known:
        config = {"ops": {"let_go": {"config": {"tenant": name}}}}
        yield dg.RunRequest(run_key=f"retention|{name}|{day}", run_config=config, tags={"tenant": name})
