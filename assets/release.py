"""The decision becomes a release: a version in MLflow, a manifest in the store, and the pointer that servers follow."""

import dagster as dg

from assets.partitions import PARTITIONS, SINGLE_RUN, scope_of
from assets.resources import Suite
from recsys_pipelines.releasing import release_day
from recsys_pipelines.verdict import require_passed


@dg.asset(
    deps=["evaluation"],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="release",
    kinds={"mlflow"},
    owners=["team:recommendations"],
)
def manifest(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
    """What each surface serves from now on; refuses unless this very candidate was let through."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    require_passed(shop.lake, scope.tenant, scope.day)

    outcomes = release_day(shop, scope.tenant, scope.day, dagster_run=context.run.run_id)

    return dg.MaterializeResult(
        metadata={
            **{f"{outcome.surface}/generation": outcome.generation for outcome in outcomes.surfaces},
            "published": sum(not outcome.unchanged for outcome in outcomes.surfaces),
            "model_versions": ", ".join(outcome.model_version for outcome in outcomes.surfaces) or "none",
        }
    )
