"""What state a tenant is in: rows per table and day, rejections, the last verdict, and what is served."""

from datetime import date

import msgspec

from data_contracts.blobs import Blobs
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import rejected
from recsys_pipelines.releases import Release, releases


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `recsys doctor`; ``rows`` are per table and day, ``watermark`` is the newest day of events."""

    tenant: str
    watermark: date | None
    rows: dict[str, dict[str, int]]
    rejected: int
    rejected_by_rule: dict[str, int]
    served: list[Release]
    problems: list[str]


TABLES = ("events", "items", "users", "interactions_served")


def examine(tenant: str, lake: Lake, store: Blobs) -> Health:
    """Look at the lake and the store; changes nothing."""
    rows = {
        table: {str(day): lake.read(table, tenant, day).height for day in lake.days(table, tenant)} for table in TABLES
    }
    served = [release for release in releases(store, tenant) if release.current]
    watermark = max(lake.days("events", tenant), default=None)
    by_rule = rejected_by_rule(tenant, lake)
    return Health(
        tenant=tenant,
        watermark=watermark,
        rows=rows,
        rejected=sum(by_rule.values()),
        rejected_by_rule=by_rule,
        served=served,
        problems=problems(tenant, watermark, served),
    )


def rejected_by_rule(tenant: str, lake: Lake) -> dict[str, int]:
    """How many rows broke each rule, most first."""
    counts = rejected(lake, tenant).group_by("rule").len().sort("len", "rule", descending=[True, False])
    return dict(counts.iter_rows())


def problems(tenant: str, watermark: date | None, served: list[Release]) -> list[str]:
    """What a person should look at, in plain words."""
    found = []
    if watermark is None:
        found.append(f"tenant {tenant!r} has no events in the lake; run `recsys run daily --tenant {tenant}`")
    if not served:
        found.append(f"tenant {tenant!r} serves nothing; no generation was published")
    return found
