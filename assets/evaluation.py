"""The candidate, ranked by the code that serves, on days it never saw, against what is served now."""

import dagster as dg

from assets.choosing import Entry
from assets.evidence import evidence
from assets.grading import grade, judged
from assets.partitions import PARTITIONS, SINGLE_RUN, Scope, scope_of
from assets.reporting import write_report
from assets.resources import Suite
from recsys_pipelines.algorithm import discover
from recsys_pipelines.candidate import candidate
from recsys_pipelines.decisions import Judgements, latest
from recsys_pipelines.replay import fixture
from recsys_pipelines.verdict import require_passed
from recsys_pipelines.workshop import Workshop

STOPPED = ("rejected", "suspicious")


@dg.asset(
    deps=["catalog", "interactions", "penalties", "second_stage", *discover()],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="evaluation",
    kinds={"polars"},
    owners=["team:recommendations"],
)
def evaluation(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
    """Metrics per algorithm and for the blend as served, per surface; the gate's decision; the report."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    require_passed(shop.lake, scope.tenant, scope.day)

    judgements = evaluate_day(shop, scope)

    numbers = {f"{each.surface}/{name}": value for each in judgements.surfaces for name, value in each.metrics.items()}
    return dg.MaterializeResult(
        metadata={
            **numbers,
            "decisions": ", ".join(f"{each.surface}: {each.decision}" for each in judgements.surfaces),
            "report": dg.MetadataValue.path(judgements.report),
        }
    )


@dg.asset_check(asset=evaluation, blocking=True, partitions_def=PARTITIONS)
def gate(context: dg.AssetCheckExecutionContext, suite: Suite) -> dg.AssetCheckResult:
    """Stops the release where the candidate is worse than what is served, or suspiciously better."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    judgements = latest(shop.lake, scope.tenant, scope.day)
    stopped = [each for each in judgements.surfaces if each.decision in STOPPED]
    return dg.AssetCheckResult(
        passed=not stopped,
        description="; ".join(f"{each.surface}: {each.decision}: {each.reason}" for each in judgements.surfaces),
        metadata={each.surface: each.decision for each in judgements.surfaces},
    )


def evaluate_day(shop: Workshop, scope: Scope) -> Judgements:
    """Grade every surface of the day's candidate, write the report, keep the decisions."""
    tenant = shop.tenant(scope.tenant)
    surfaces = sorted(tenant.document.surfaces)
    asked = fixture(tenant.document, shop.lake, scope.day)
    with candidate(tenant, shop.lake, scope.day) as arrays:
        known = evidence(tenant.document, shop.lake, scope.day, asked)
        entry = Entry(tenant.document, arrays.evaluated, asked, known)
        graded = [grade(shop, entry, surface) for surface in surfaces]
        for each in graded:
            write_report(shop, scope, each, asked, arrays=arrays)
        judgements = Judgements(
            candidate=arrays.fingerprint,
            surfaces=tuple(judged(each) for each in graded),
            report=str(shop.report_folder(scope.tenant, scope.day.isoformat())),
        )
    shop.lake.write_json("decisions", scope.tenant, scope.day, judgements)
    return judgements
