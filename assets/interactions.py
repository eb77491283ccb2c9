"""Events to weighted user-item pairs, once without the test days and once with them."""

import dagster as dg

from assets.partitions import PARTITIONS, SINGLE_RUN, scope_of
from assets.resources import Suite
from recsys_pipelines.training import fits, weigh


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
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": served.height,
            "pairs_without_test_days": pairs["evaluated"].height,
            "users": served["user_id"].n_unique(),
            "items": served["item_id"].n_unique(),
        }
    )
