"""What reacts rather than recurs: new tenant documents, requests for training, announcements to be delivered."""

import os
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from assets.partitions import RANGE_END, RANGE_START, TENANTS, key
from data_contracts.errors import ContractError
from data_contracts.training_records import TrainingRequest
from jobs.daily import DAILY
from jobs.instance import register
from recsys_pipelines.outbox.delivery import deliver
from recsys_pipelines.outbox.sinks import sinks
from recsys_pipelines.requests import asked, withdraw
from recsys_pipelines.tenants import tenants
from recsys_pipelines.workshop import Workshop

RUN_KEY = "dagster/run_key"


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def new_tenants(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Offers the partitions of every tenant whose document has appeared."""
    known = set(context.instance.get_dynamic_partitions(str(TENANTS.name)))
    new = sorted(set(tenants(os.environ).known) - known)
    if not new:
        return dg.SkipReason(f"all {len(known)} tenants are known")
    return dg.SensorResult(dynamic_partitions_requests=[TENANTS.build_add_request(new)])


@dg.sensor(job=DAILY, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def training_requests(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Starts the runs that were asked for (`recsys train`, the server); a request goes when its run is there."""
    shop = Workshop(dict(os.environ))
    for tenant in tenants(os.environ).known:
        for request in asked(shop.store, tenant):
            if is_started(context.instance, request):
                withdraw(shop.store, tenant, request.request_id)
            else:
                register(context.instance, [tenant])
                yield run_request(request, shop)


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def outbox(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Delivers what waits in the outboxes of the tenants that want to be told; it never starts a run."""
    shop = Workshop(dict(os.environ))
    said = []
    for name, tenant in tenants(os.environ).known.items():
        try:
            done = deliver(shop.store, name, sinks(tenant.document, shop.environ, shop.now), shop.now)
        except ContractError as error:  # one tenant's store or variables are not another's trouble
            context.log.error("%s: %s", name, error)
            continue
        if done.trouble and done.waiting and tenant.document.notify.webhooks + tenant.document.notify.topics:
            context.log.warning("%s: %d announcements wait: %s", name, done.waiting, done.trouble)
        said.append(f"{name}: {len(done.sent)} delivered, {done.waiting} waiting")
    return dg.SkipReason("; ".join(said) or "there are no tenants")


def is_started(instance: dg.DagsterInstance, request: TrainingRequest) -> bool:
    """Whether there is a run for it."""
    return bool(instance.get_runs(filters=dg.RunsFilter(tags={RUN_KEY: run_key(request)}), limit=1))


def run_request(request: TrainingRequest, shop: Workshop) -> dg.RunRequest:
    """The run that was asked for; without days that of yesterday (UTC), as the schedule would start it."""
    last = request.last or shop.now().date() - timedelta(days=1)
    first = request.first or last
    return dg.RunRequest(
        run_key=run_key(request),
        run_config={"ops": {"staged": {"config": {"full": request.full}}}},
        tags={
            "tenant": request.tenant,
            "recsys/requested_by": request.by,
            RANGE_START: str(key(request.tenant, first)),
            RANGE_END: str(key(request.tenant, last)),
        },
    )


def run_key(request: TrainingRequest) -> str:
    """What a request's run is found by."""
    return f"request|{request.tenant}|{request.request_id}"
