"""How items turned out, for the surfaces that let bad outcomes count against them."""

import dagster as dg

from assets.partitions import PARTITIONS, SINGLE_RUN, scope_of
from assets.resources import Suite
from recsys_pipelines.feedback.bad_outcomes import rates
from recsys_pipelines.penalties import penalized, write_outcomes
from recsys_pipelines.verdict import require_passed


@dg.asset(
    deps=["attributions", "catalog", "events"],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="models",
    kinds={"polars"},
    owners=["team:recommendations"],
)
def penalties(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
    """Returns and clicks on what could not be bought, per item; a tenant whose surfaces have no penalties gets none."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    require_passed(shop.lake, scope.tenant, scope.day)
    document = shop.tenant(scope.tenant).document

    found = write_outcomes(document, shop.lake, scope.day)
    served = rates(found["served"], penalized(document)) if found else None

    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(rows.height for rows in found.values()),
            "items_with_a_rate": 0 if served is None else served.filter(served["rate"] > 0)["item_id"].n_unique(),
        }
    )
