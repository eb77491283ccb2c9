"""Item texts to vectors: only what changed is encoded, and the index is examined before anybody may read it."""

import dagster as dg
import polars as pl

from assets.partitions import PARTITIONS, SINGLE_RUN, scope_of
from assets.resources import Suite
from recsys_pipelines.embeddings.index import examined, refresh
from recsys_pipelines.embeddings.neighbors import spot_check
from recsys_pipelines.embeddings.page import write_page
from recsys_pipelines.verdict import require_passed

NEIGHBORS = 5  # of each item of the sample


@dg.asset(
    deps=["catalog"],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="features",
    kinds={"sklearn", "parquet"},
    owners=["team:recommendations"],
)
def embeddings(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
    """One vector of 384 numbers per item, of its title, description, brand and category."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    require_passed(shop.lake, scope.tenant, scope.day)
    tenant = shop.tenant(scope.tenant)

    done = refresh(tenant.document, shop.lake, scope.day, folder=tenant.folder)
    sample = spot_check(
        done.embeddings,
        shop.lake.read("items", scope.tenant, scope.day),
        k=NEIGHBORS,
        seed=scope.day.toordinal(),  # every day other items, for the same day the same ones
        blocked=tenant.document.embeddings.blocked_pairs,
    )
    page = write_page(scope.tenant, done.record, sample, shop.report_folder(scope.tenant, scope.day.isoformat()))

    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": done.embeddings.height,
            "encoded": done.encoded,
            "removed": done.removed,
            "encoder": done.record.encoder,
            "neighbors": table(sample),
            "page": dg.MetadataValue.path(str(page)),
        }
    )


@dg.asset_check(asset=embeddings, blocking=True, partitions_def=PARTITIONS)
def embeddings_health(context: dg.AssetCheckExecutionContext, suite: Suite) -> dg.AssetCheckResult:
    """Missing, zero, repeated and broken vectors; while it fails, whoever asks for the index is refused."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    found = examined(shop.lake, scope.tenant)
    return dg.AssetCheckResult(
        passed=found.passed,
        description=found.message,
        metadata={fact.name: fact.observed for fact in found.facts},
    )


def table(sample: pl.DataFrame) -> dg.TableMetadataValue:
    """The sample as the UI shows it."""
    rows = sample.fill_null("").select("title", "rank", "neighbor_title", "score", "item_id", "neighbor_id")
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows.to_dicts()])
