"""Events to weighted user-item pairs, once without the test days and once with them."""

import dagster as dg

from assets.partitions import PARTITIONS, SINGLE_RUN, scope_of
from assets.resources import Suite
from recsys_pipelines.sufficiency import examine, read_sufficiency
from recsys_pipelines.training import fits, until, weigh


@dg.asset(
    deps=["catalog", "events", "users"],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="features",
    kinds={"polars"},
    owners=["team:recommendations"],
)
def interactions(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
    """Event weights times decay, summed per user and item over the window."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    document = shop.tenant(scope.tenant).document

    pairs = {fit: weigh(document, shop.lake, scope.day, fit) for fit in fits(document)}
    served = pairs["served"]
    found = examine(document, shop.lake, scope.day, served, now=until(document, scope.day, "served"))

    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": served.height,
            "pairs_without_test_days": pairs["evaluated"].height,
            "users": served["user_id"].n_unique(),
            "items": served["item_id"].n_unique(),
            "sufficiency": found.message,
        }
    )


@dg.asset_check(asset=interactions, partitions_def=PARTITIONS)
def sufficient_data(context: dg.AssetCheckExecutionContext, suite: Suite) -> dg.AssetCheckResult:
    """Whether there is enough to learn from. It warns and stops nothing: thin data is served from as far as it goes."""
    scope = scope_of(context.partition_keys)
    found = read_sufficiency(suite.workshop.lake, scope.tenant, scope.day)
    return dg.AssetCheckResult(
        passed=found is not None and not found.findings,
        severity=dg.AssetCheckSeverity.WARN,
        description=found.message if found else "nobody has looked at the interactions of that day",
        metadata=dict(found.numbers) if found else {},
    )
