"""A run's training for those who are told of it: it begins with the first model, and ends with the run."""

from datetime import date

import dagster as dg

from assets.partitions import Scope
from data_contracts.training_records import TrainingCompleted, TrainingStarted
from recsys_pipelines.decisions import Outcomes
from recsys_pipelines.trainings import begin, complete, ending_of, newest, write_metrics
from recsys_pipelines.workshop import Workshop

RELEASE = dg.AssetKey("manifest")


def begin_training(shop: Workshop, scope: Scope, run_id: str) -> None:
    """The run fits its first model, or its next one."""
    algorithms = tuple(sorted(shop.tenant(scope.tenant).document.algorithms))
    begin(
        shop.lake,
        shop.store,
        TrainingStarted(tenant=scope.tenant, run_id=run_id, day=scope.day, algorithms=algorithms, at=shop.now()),
    )


def end_training(shop: Workshop, tenant: str, run_id: str, instance: dg.DagsterInstance | None) -> None:
    """The run ends; nothing happens if it fitted no model."""
    found = newest(shop.lake, tenant)
    if found is None or found.started.run_id != run_id or instance is None:
        return
    error = first_failure(instance, run_id)
    generations = made(shop, tenant, found.started.day) if is_released(instance, run_id) else None
    ended = complete(
        shop.lake,
        shop.store,
        TrainingCompleted(
            tenant=tenant,
            run_id=run_id,
            day=found.started.day,
            ending=ending_of(generations, error),
            started_at=found.started.at,
            at=shop.now(),
            generations=generations or {},
            error=error,
        ),
    )
    write_metrics(ended, shop.locations.reports / tenant)


def made(shop: Workshop, tenant: str, day: date) -> dict[str, int]:
    """The generations that the day's release put in place, by surface; what was served already is none of them."""
    outcomes = shop.lake.read_json("outcomes", tenant, day, Outcomes)
    surfaces = outcomes.surfaces if outcomes else ()
    return {each.surface: each.generation for each in surfaces if not each.unchanged}


def is_released(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run came to its release."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    events = [record.event_log_entry.dagster_event for record in records]
    return any(event is not None and event.asset_key == RELEASE for event in events)


def first_failure(instance: dg.DagsterInstance, run_id: str) -> str:
    """The run's first step that failed and the kind of its error; messages may name persons, and stay in Dagster."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    for record in records:
        event = record.event_log_entry.dagster_event
        error = event.step_failure_data.error if event else None
        while error is not None and error.cause is not None:
            error = error.cause
        if event is not None:
            return f"{event.step_key}: {error.cls_name if error else 'no error was recorded'}"
    return ""
