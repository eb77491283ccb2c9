"""Run a job here and now, without the UI: the same assets, checks and instance as any other run."""

from datetime import UTC, date, timedelta
from typing import Literal, NamedTuple

import dagster as dg

from assets.partitions import RANGE_END, RANGE_START, Scope, key
from data_contracts.errors import ContractError
from jobs.daily import wanted
from jobs.instance import instance, register
from recsys_pipelines.workshop import Workshop


class NoSuchDay(ContractError):
    """The day that was asked for is not one that can be run."""


class Ran(NamedTuple):
    """How a run ended: the checks that failed and block, and the first error of a step that did not finish."""

    run_id: str
    success: bool
    blocked_by: tuple[str, ...]
    error: str


def scope(shop: Workshop, tenant: str, first: date | None, last: date | None) -> Scope:
    """The days to run: those asked for, else the newest complete day that the tenant's files have.

    Raises ``NoSuchDay`` if they are out of the range that the tenant's document and the calendar allow.
    """
    found = shop.tenant(tenant)
    yesterday = shop.now().astimezone(UTC).date() - timedelta(days=1)
    if last is None:
        landing = shop.land(tenant)
        last = min(max(landing.days, default=yesterday), yesterday)
    first = first or last
    if not found.document.first_day <= first <= last <= yesterday:
        raise NoSuchDay(
            f"cannot run {first} to {last}: tenant {tenant!r} begins on {found.document.first_day} (first_day in its "
            f"document) and the last complete day is {yesterday}"
        )
    return Scope(tenant, first, last)


def launch(
    shop: Workshop,
    scope: Scope,
    *,
    run_id: str | None = None,
    full: bool = False,
    job: str = "daily",
    log: Literal["progress", "silent"] = "progress",
) -> Ran:
    """Execute the job for one tenant's days in this process, recorded in the instance like every run.

    ``run_id`` is given by who holds the tenant's lease in its name already; ``full`` reads every source file again.
    Models that the tenant does not use are left out.
    """
    from jobs.definitions import defs  # noqa: PLC0415  (building the graph: 2 s)

    with instance(shop.locations) as opened:
        register(opened, [scope.tenant])
        found = defs.resolve_job_def(job)
        result = found.execute_in_process(
            instance=opened,
            asset_selection=wanted(found, shop.tenant(scope.tenant).document),
            tags={"tenant": scope.tenant, **partitions(scope)},
            run_config={"loggers": {log: {}}, "ops": {"staged": {"config": {"full": full}}}},
            run_id=run_id,
            raise_on_error=False,
        )
    return Ran(result.run_id, result.success, blocking(result), first_error(result))


def partitions(scope: Scope) -> dict[str, str]:
    """The tags that say which partitions a run is for: one, or a contiguous range."""
    return {RANGE_START: str(key(scope.tenant, scope.first)), RANGE_END: str(key(scope.tenant, scope.day))}


def blocking(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    """The names of the checks that failed and stop what comes after them."""
    return tuple(
        check.check_name
        for check in result.get_asset_check_evaluations()
        if check.blocking and not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    )


def first_error(result: dg.ExecuteInProcessResult) -> str:
    """The message of the first step that failed with an exception, without its stack."""
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return error.message.strip()
    return ""
