"""What orders the candidates of the sources anew, learned from outcomes that none of the sources has seen."""

from time import perf_counter

import dagster as dg

from assets.partitions import PARTITIONS, SINGLE_RUN, scope_of
from assets.resources import Suite
from recsys_pipelines.algorithm import discover
from recsys_pipelines.second_stage.learning import Taught, learn


@dg.asset(
    deps=["catalog", "interactions", *discover()],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="models",
    kinds={"python"},
    owners=["team:recommendations"],
)
def second_stage(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
    """Weights or trees per surface that asks for them; a tenant without any gets none."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    started = perf_counter()
    lessons = learn(shop.tenant(scope.tenant).document, shop.lake, scope.day)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(each.size for each in lessons.taught if each.fit == "served"),
            "learned": "; ".join(told(each) for each in lessons.taught) or "none",
            "train_s": round(perf_counter() - started, 3),
        }
    )


def told(taught: Taught) -> str:
    """One second stage in a line."""
    status = taught.status.replace("_", " ")
    return (
        f"{taught.surface} ({taught.fit}): {taught.asked.model} {status} from {taught.users_with_hits} users "
        f"with {taught.hits} hits among {taught.candidates} candidates"
    )
