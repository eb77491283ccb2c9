"""What is known of users and of items, as of the day's two fits: tables for models, reports and other systems."""

import dagster as dg
import polars as pl

from assets.partitions import PARTITIONS, SINGLE_RUN, scope_of
from assets.resources import Suite
from recsys_pipelines.features.building import build_item_features, build_user_features
from recsys_pipelines.training import FITS
from recsys_pipelines.verdict import require_passed


@dg.asset(
    deps=["catalog", "events", "users", "interactions"],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="features",
    kinds={"polars", "parquet"},
    owners=["team:recommendations"],
)
def user_features(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
    """Recency, frequency, money, leanings and vector of every person, without the test days and with them."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    require_passed(shop.lake, scope.tenant, scope.day)
    document = shop.tenant(scope.tenant).document

    tables = {fit: build_user_features(document, shop.lake, scope.day, fit) for fit in FITS}

    served, longest = tables["served"], max(document.features.windows_days)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": served.height,
            "users_without_test_days": tables["evaluated"].height,
            "users_with_vector": served["embedding"].count(),
            "users_who_paid": served.filter(pl.col(f"monetary_minor_{longest}d") > 0).height,
        }
    )


@dg.asset(
    deps=["catalog", "events"],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="features",
    kinds={"polars", "parquet"},
    owners=["team:recommendations"],
)
def item_features(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
    """Popularity at several windows, rates, trend and state of every item, without the test days and with them."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    require_passed(shop.lake, scope.tenant, scope.day)
    document = shop.tenant(scope.tenant).document

    tables = {fit: build_item_features(document, shop.lake, scope.day, fit) for fit in FITS}

    served, longest = tables["served"], max(document.features.windows_days)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": served.height,
            "items_without_test_days": tables["evaluated"].height,
            "items_touched": served.filter(pl.col(f"events_{longest}d") > 0).height,
        }
    )
