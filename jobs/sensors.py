"""What reacts rather than recurs: new tenant documents, requests for training, announcements to be delivered."""

import os
from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

from assets.partitions import RANGE_END, RANGE_START, TENANTS, key
from data_contracts.errors import ContractError
from data_contracts.training_records import TrainingRequest
from jobs.daily import DAILY, wanted
from jobs.instance import register
from recsys_pipelines.outbox.telling import tell, wants_to_be_told
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
    assert context.repository_def is not None  # the daemon always gives it
    job = context.repository_def.get_job(DAILY.name)
    for name, tenant in tenants(os.environ).known.items():
        for request in asked(shop.store, name):
            if is_started(context.instance, request):
                withdraw(shop.store, name, request.request_id)
            else:
                register(context.instance, [name])
                yesterday = shop.now().date() - timedelta(days=1)
                yield run_request(request, yesterday, wanted(job, tenant.document))


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def outbox(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Delivers what waits in the outboxes of the tenants that want to be told; it never starts a run."""
    shop = Workshop(dict(os.environ))
    said = []
    for name in tenants(os.environ).known:
        try:
            done = tell(shop, name)
        except ContractError as error:  # one tenant's broken record is not another's trouble
            context.log.error("%s: %s", name, error)
            continue
        if done.waiting and wants_to_be_told(shop, name):
            context.log.warning("%s: %d announcements wait: %s", name, done.waiting, done.trouble)
        said.append(f"{name}: {len(done.sent)} delivered, {done.waiting} waiting")
    return dg.SkipReason("; ".join(said) or "there are no tenants")


def is_started(instance: dg.DagsterInstance, request: TrainingRequest) -> bool:
    """Whether there is a run for it."""
    return bool(instance.get_runs(filters=dg.RunsFilter(tags={RUN_KEY: run_key(request)}), limit=1))


def run_request(request: TrainingRequest, yesterday: date, selection: list[dg.AssetKey]) -> dg.RunRequest:
    """The run that was asked for; without days that of yesterday, as the schedule would start it."""
    last = request.last or yesterday
    first = request.first or last
    return dg.RunRequest(
        run_key=run_key(request),
        asset_selection=selection,
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
