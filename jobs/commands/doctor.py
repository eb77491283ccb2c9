"""`recsys doctor`: what state a tenant's data is in."""

import os
import sys

import msgspec
from rich.console import Console
from rich.table import Table


def doctor(*, tenant: str, json: bool = False) -> int:
    """State rows per table and day, rejected rows by rule, the watermark and what is served. Exit code 1: problems.

    Parameters
    ----------
    tenant
        The tenant's name.
    json
        Print one JSON object.
    """
    from recsys_pipelines.doctor import examine  # noqa: PLC0415  (Polars: only when asked)
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    shop.tenant(tenant)
    health = examine(tenant, shop.lake, shop.store)
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(health), indent=2).decode() + "\n")
        return 1 if health.problems else 0
    table = Table("table", "days", "first", "last", "rows", title=f"{tenant}: events up to {health.watermark}")
    for name, days in health.rows.items():
        table.add_row(name, str(len(days)), min(days, default="-"), max(days, default="-"), f"{sum(days.values()):,}")
    Console().print(table)
    for rule, rows in health.rejected_by_rule.items():
        Console().print(f"rejected {rows:,} rows: {rule}", markup=False)
    for release in health.served:
        Console().print(f"serves {release.surface} generation {release.generation} ({release.decision})")
    for problem in health.problems:
        Console().print(f"problem: {problem}", markup=False)
    return 1 if health.problems else 0
