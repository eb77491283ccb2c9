"""Files to rows: every new or changed source file is read, mapped and checked; nothing goes on if it may not."""

import dagster as dg
from pydantic import Field

from assets.partitions import PARTITIONS, SINGLE_RUN, scope_of
from assets.resources import Suite
from recsys_pipelines.quality_page import write_page
from recsys_pipelines.verdict import Verdict


class HowToLand(dg.Config):
    """Set in the launchpad of the UI, or by `recsys run daily --full`."""

    full: bool = Field(default=False, description="Read every source file again, and make every day again.")


@dg.asset(
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="data",
    kinds={"polars", "parquet"},
    owners=["team:data"],
)
def staged(context: dg.AssetExecutionContext, config: HowToLand, suite: Suite) -> dg.MaterializeResult[None]:
    """Source files split by table and day, rejected rows kept with their reason; a file is read once."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)

    landing = shop.land(scope.tenant, full=config.full)

    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": landing.accepted,
            "rows_rejected": landing.rejected,
            "files": len(landing.files),
            "files_new": landing.files_new,
        }
    )


@dg.asset_check(asset=staged, blocking=True, partitions_def=PARTITIONS)
def contracts(context: dg.AssetCheckExecutionContext, suite: Suite) -> dg.AssetCheckResult:
    """Great Expectations over what was landed; a failed rule of severity `block` stops everything downstream."""
    from recsys_pipelines.validation import validate  # noqa: PLC0415  (Great Expectations: 8 s)

    shop, scope = suite.workshop, scope_of(context.partition_keys)
    verdict = validate(shop.tenant(scope.tenant).document, shop.lake, day=scope.day)
    page = write_page(verdict, shop.report_folder(scope.tenant, scope.day.isoformat()))

    return dg.AssetCheckResult(
        passed=verdict.passed,
        description=verdict.message,
        metadata={
            "page": dg.MetadataValue.path(str(page)),
            "checks_passed": sum(check.passed for check in verdict.checks),
            "checks": table(verdict),
        },
    )


def table(verdict: Verdict) -> dg.TableMetadataValue:
    """One row per check, failed ones first, as the UI shows it."""
    checks = sorted(verdict.checks, key=lambda check: (check.passed, check.name))
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {"check": each.name, "passed": each.passed, "seen": str(each.observed), "meaning": each.detail}
            )
            for each in checks
        ]
    )
