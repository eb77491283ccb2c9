"""What became of what was shown: the log as a table, outcomes credited, the funnel, and what dashboards read."""

from pathlib import Path

import dagster as dg
import polars as pl

from assets.partitions import PARTITIONS, SINGLE_RUN, Scope, scope_of
from assets.resources import Suite
from recsys_eval.charts import Spec, svg
from recsys_pipelines.feedback.bad_outcomes import write_bad_outcomes
from recsys_pipelines.feedback.business import Business, business
from recsys_pipelines.feedback.days import write_attributions, write_funnel, write_volumes
from recsys_pipelines.feedback.export import write_metrics
from recsys_pipelines.feedback.exposures import write_exposures
from recsys_pipelines.feedback.page import write_page
from recsys_pipelines.verdict import require_passed
from recsys_pipelines.workshop import Workshop

_WIDTH, _HEIGHT = 640, 180


@dg.asset(
    deps=["events"],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="feedback",
    kinds={"parquet"},
    owners=["team:recommendations"],
)
def exposures(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
    """One row per item that the server showed, from its landed log; only days with new files are made again."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    require_passed(shop.lake, scope.tenant, scope.day)

    written = write_exposures(
        shop.landing, shop.lake, scope.tenant, until=scope.day, forgotten=shop.forgotten(scope.tenant)
    )

    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": written.rows,
            "repeated": written.repeated,
            "rejected_lines": written.rejected,
            "days_rewritten": len(written.days),
        }
    )


@dg.asset(
    deps=["exposures", "events", "users"],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="feedback",
    kinds={"polars"},
    owners=["team:recommendations"],
)
def attributions(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
    """Every outcome with the place it is credited to: the answer that it names, or the person's last touch."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    require_passed(shop.lake, scope.tenant, scope.day)

    brought = write_attributions(shop.tenant(scope.tenant).document, shop.lake, until=scope.day)

    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": brought.rows,
            "credited": brought.credited,
            "days_rewritten": len(brought.days),
        }
    )


@dg.asset(
    deps=["exposures", "attributions", "catalog", "events"],
    partitions_def=PARTITIONS,
    backfill_policy=SINGLE_RUN,
    group_name="feedback",
    kinds={"polars"},
    owners=["team:recommendations"],
)
def funnel(context: dg.AssetExecutionContext, suite: Suite) -> dg.MaterializeResult[None]:
    """Shown, clicked, added, bought, by surface; with bad outcomes and the volumes of events, for Prometheus and as a
    page."""
    shop, scope = suite.workshop, scope_of(context.partition_keys)
    require_passed(shop.lake, scope.tenant, scope.day)

    brought = write_funnel(shop.lake, scope.tenant)
    write_volumes(shop.lake, scope.tenant, until=scope.day)
    document = shop.tenant(scope.tenant).document
    write_bad_outcomes(document, shop.lake, scope.day)
    numbers = business(document, shop.lake, scope.day)
    page = publish(shop, scope, numbers)

    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": brought.rows,
            **{
                f"{surface}/ctr": ctr
                for surface, ctr in numbers.today.select("surface", "ctr").drop_nulls().iter_rows()
            },
            **{
                f"{surface}/{kind}": share
                for kind, surface, share in numbers.bad_by_surface.select("kind", "surface", "share").iter_rows()
            },
            **({} if numbers.joins.join_share is None else {"join_share": numbers.joins.join_share}),
            "events": sum(numbers.events.values()),
            "page": dg.MetadataValue.path(str(page)),
        }
    )


def publish(shop: Workshop, scope: Scope, numbers: Business) -> Path:
    """Write the gauges and the page; the page's path."""
    write_metrics(numbers, shop.locations.reports / scope.tenant)
    return write_page(numbers, charts(numbers), shop.report_folder(scope.tenant, scope.day.isoformat()))


def charts(numbers: Business) -> dict[str, str]:
    """The drawings of the page by heading; none of what there is nothing of."""
    drawn: dict[str, str] = {}
    rates = numbers.funnel.drop_nulls("ctr")
    if rates.height:
        drawn["Click-through rate"] = svg("ctr", "Click-through rate by day and surface", _lines(rates))
    if numbers.volumes.height:
        drawn["Events"] = svg("events", "Events by day and type", _stacked(numbers.volumes))
    if numbers.positions.height:
        drawn["Places"] = svg("places", "Share of items shown by place", _bars(numbers.positions))
    return drawn


def _lines(rates: pl.DataFrame) -> Spec:
    points = rates.select(day=pl.col("day").dt.strftime("%Y-%m-%d"), surface="surface", ctr="ctr").to_dicts()
    y: Spec = {"field": "ctr", "type": "quantitative", "title": None, "axis": {"format": ".1%"}}
    return {
        **_drawing(points),
        "mark": {"type": "line", "point": True},
        "encoding": {"x": _by_day(), "y": y, "color": _colour("surface")},
    }


def _stacked(volumes: pl.DataFrame) -> Spec:
    day = pl.col("hour").dt.strftime("%Y-%m-%d").alias("day")
    counted = volumes.group_by(day, "type").agg(pl.col("events").sum()).sort("day", "type").to_dicts()
    y: Spec = {"field": "events", "type": "quantitative", "title": None, "axis": {"format": "~s"}}
    return {**_drawing(counted), "mark": "bar", "encoding": {"x": _by_day(), "y": y, "color": _colour("type")}}


def _bars(positions: pl.DataFrame) -> Spec:
    x: Spec = {"field": "rank", "type": "ordinal", "title": "place", "axis": {"labelAngle": 0}}
    y: Spec = {"field": "share", "type": "quantitative", "title": None, "axis": {"format": ".0%"}}
    mark = {"type": "bar", "color": "var(--served)"}
    return {**_drawing(positions.to_dicts()), "mark": mark, "encoding": {"x": x, "y": y}}


def _drawing(values: list[dict[str, object]]) -> Spec:
    return {"width": _WIDTH, "height": _HEIGHT, "data": {"values": values}}


def _by_day() -> Spec:
    return {"field": "day", "type": "ordinal", "title": None, "axis": {"labelAngle": -45}}


def _colour(field: str) -> Spec:
    return {"field": field, "type": "nominal", "legend": {"title": None, "labelColor": "var(--muted)"}}
