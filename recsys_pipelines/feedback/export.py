"""The day's business numbers as a text file that Prometheus' node exporter collects (its textfile collector).

A gauge that has no value (no item was shown, no outcome names a request) is not written, so that nobody takes it for
zero. The file always appears whole.
"""

from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from data_contracts.feedback_tables import BAD_OUTCOMES, FUNNEL
from data_contracts.files import appearing
from recsys_pipelines.feedback.business import Business

FILE = "business.prom"
WHEN = " Of purchases of four weeks (returns), and of clicks of one day (unavailable_clicks)."
OF_FUNNEL = tuple(name for name in FUNNEL.names if name not in FUNNEL.key)


def write_metrics(business: Business, folder: Path) -> Path:
    """Write ``business.prom`` into the folder; its path."""
    path = folder / FILE
    with appearing(path) as file:
        file.write(metrics(business))
    return path


def metrics(business: Business) -> bytes:
    """The gauges: ``recsys_business_*`` by surface, ``recsys_bad_outcome*`` by surface and kind, ``recsys_events`` by
    type, ``recsys_join_share``."""
    registry = CollectorRegistry()
    tenant = business.tenant
    for name in OF_FUNNEL:
        gauge = _gauge(registry, f"business_{name}", f"{FUNNEL.column(name).description} Of one day.", "surface")
        for surface, value in business.today.select("surface", name).drop_nulls().iter_rows():
            gauge.labels(tenant, surface).set(value)
    bad = _gauge(registry, "bad_outcomes", BAD_OUTCOMES.column("bad").description + WHEN, "surface", "kind")
    bad_share = _gauge(registry, "bad_outcome_share", "The share of outcomes that did." + WHEN, "surface", "kind")
    for row in business.bad_by_surface.iter_rows(named=True):
        bad.labels(tenant, row["surface"], row["kind"]).set(row["bad"])
        bad_share.labels(tenant, row["surface"], row["kind"]).set(row["share"])
    events = _gauge(registry, "events", "Events of one day by type.", "type")
    for type, count in business.events.items():
        events.labels(tenant, type).set(count)
    share = _gauge(registry, "join_share", "Outcomes with a request id that find their exposure, of all such.")
    if business.joins.join_share is not None:
        share.labels(tenant).set(business.joins.join_share)
    day = datetime(business.day.year, business.day.month, business.day.day, tzinfo=UTC)
    _gauge(registry, "business_day_seconds", "Where that day begins.").labels(tenant).set(day.timestamp())
    return generate_latest(registry)


def _gauge(registry: CollectorRegistry, name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(f"recsys_{name}", meaning, ("tenant", *labels), registry=registry)
