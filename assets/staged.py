"""Files to rows: every new or changed source file is read, mapped and checked; nothing goes on if it may not."""

import dagster as dg
from pydantic import Field

from assets.partitions import PARTITIONS, SINGLE_RUN, scope_of
from assets.resources import Suite
from recsys_pipelines.aggregates import drop
from recsys_pipelines.quality.history import state, verdicts
from recsys_pipelines.quality.measures import measures
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

    if config.full:
        drop(shop.lake, scope.tenant)
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
    """Every check on what was landed; one of severity `block` that fails stops everything downstream."""
    from recsys_pipelines.validation import validate  # noqa: PLC0415  (Great Expectations: 8 s)

    shop, scope = suite.workshop, scope_of(context.partition_keys)
    verdict = validate(shop.tenant(scope.tenant).document, shop.lake, day=scope.day)
    past = verdicts(shop.lake, scope.tenant, scope.day)
    page = write_page(verdict, shop.report_folder(scope.tenant, scope.day.isoformat()), past)

    return dg.AssetCheckResult(
        passed=verdict.passed,
        description=verdict.message,
        metadata={
            "page": dg.MetadataValue.path(str(page)),
            **measures(verdict),
            "checks": table(verdict),
        },
    )


def table(verdict: Verdict) -> dg.TableMetadataValue:
    """One row per check, failed ones first, as the UI shows it."""
    checks = sorted(verdict.checks, key=lambda check: (check.passed, check.severity, check.name))
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "check": each.name,
                    "state": state(each),
                    "seen": f"{each.observed:.4g}",
                    "limit": f"{each.limit:.4g}",
                    "meaning": each.detail,
                }
            )
            for each in checks
        ]
    )
