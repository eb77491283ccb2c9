"""Rows to canonical tables: the catalog and the users of the day, and exactly the event days that changed."""

from collections.abc import Iterator

import dagster as dg

from assets.partitions import PARTITIONS, SINGLE_RUN, scope_of
from assets.resources import Suite
from recsys_pipelines.ingest import settle
from recsys_pipelines.verdict import require_passed


@dg.multi_asset(
    specs=[
        dg.AssetSpec("catalog", deps=["staged"], kinds={"parquet"}, description="One row per item, the newest given."),
        dg.AssetSpec("users", deps=["staged"], kinds={"parquet"}, description="One row per known user."),
        dg.AssetSpec(
            "events",
            deps=["staged"],
            kinds={"parquet"},
            description="One row per event and day; repeated ids dropped across files and days.",
        ),
    ],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="data",
)
def tables(context: dg.AssetExecutionContext, suite: Suite) -> Iterator[dg.MaterializeResult[None]]:
    """Rewrite what the landed files touch, and nothing else; late events rewrite the day they belong to."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    require_passed(shop.lake, scope.tenant, scope.day)

    settled = settle(shop.tenant(scope.tenant).document, shop.lake, until=scope.day, rewrite=scope.days)

    yield dg.MaterializeResult(asset_key="catalog", metadata={"dagster/row_count": settled.items})
    yield dg.MaterializeResult(asset_key="users", metadata={"dagster/row_count": settled.users})
    yield dg.MaterializeResult(
        asset_key="events",
        metadata={
            "dagster/row_count": settled.events,
            "duplicates_dropped": settled.duplicates,
            "days_rewritten": len(settled.days),
        },
    )
