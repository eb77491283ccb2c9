"""One asset per algorithm that is installed: what it learns from the interactions, in the shape it declares."""

from time import perf_counter

import dagster as dg

from assets.partitions import PARTITIONS, SINGLE_RUN, scope_of
from assets.resources import Suite
from assets.trainings import begin_training
from recsys_pipelines.algorithm import Algorithm, discover
from recsys_pipelines.training import train

NEEDS = {"content": ["embeddings", "interactions"]}


def model_asset(algorithm: type[Algorithm]) -> dg.AssetsDefinition:
    """The asset of one algorithm; a tenant that does not use it gets no rows."""

    @dg.asset(
        name=algorithm.name,
        deps=NEEDS.get(algorithm.name, ["interactions"]),
        partitions_def=PARTITIONS,
        backfill_policy=SINGLE_RUN,
        group_name="models",
        description=algorithm.__doc__,
        kinds={"python"},
        owners=["team:recommendations"],
        tags={"shape": algorithm.shape},
    )
    def fitted(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
        shop, scope = suite.workshop, scope_of(context.partition_keys)
        begin_training(shop, scope, context.run.run_id)
        started = perf_counter()
        learned = train(shop.tenant(scope.tenant).document, shop.lake, scope.day, algorithm.name)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(table.rows for table in learned if table.fit == "served"),
                "artifacts": ", ".join(table.artifact for table in learned if table.fit == "served") or "none",
                "learned_nothing": ", ".join(t.artifact for t in learned if t.fit == "served" and not t.rows) or "none",
                "train_s": round(perf_counter() - started, 3),
            }
        )

    return fitted


MODELS = [model_asset(algorithm) for algorithm in discover().values()]
