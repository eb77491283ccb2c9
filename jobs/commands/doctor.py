"""`recsys doctor`: what state a tenant's data is in."""

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from recsys_pipelines.doctor import Health, SourceState


def doctor(*, tenant: str, json: bool = False) -> int:
    """State how far each source was read, rows per table and day, what was dropped and why, what is served.

    Exit codes: 0 all is well, 1 problems, which are named.

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
    health = examine(shop.tenant(tenant).document, shop.lake, shop.store, now=shop.now())
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(health), indent=2).decode() + "\n")
    else:
        show(Console(highlight=False, soft_wrap=True), health)
    return 1 if health.problems else 0


def show(console: Console, health: "Health") -> None:
    """The same for people."""
    console.print(f"{health.tenant}: sources")
    for each in health.sources:
        console.print(f"  {each.table:<7} {each.name} ({each.kind}), {age(each)}", markup=False)
    rows = Table("table", "days", "first", "last", "rows", title=f"events up to {health.watermark}")
    for name, days in health.rows.items():
        rows.add_row(name, str(len(days)), min(days, default="-"), max(days, default="-"), f"{sum(days.values()):,}")
    console.print(rows)
    console.print(f"dropped {health.duplicates:,} repeated events; set {health.clamped:,} clocks right")
    for rule, count in health.rejected_by_rule.items():
        console.print(f"rejected {count:,} rows: {rule}", markup=False)
    for finding, count in health.pii_findings.items():
        console.print(f"personal data, {count:,} values: {finding}", markup=False)
    for release in health.served:
        console.print(f"serves {release.surface} generation {release.generation} ({release.decision})")
    for problem in health.problems:
        console.print(f"problem: {problem}", markup=False)


def age(source: "SourceState") -> str:
    """How far a source was read, and how old that is."""
    found = f"{source.rows:,} rows, read up to {source.read_up_to or 'nothing'}"
    if source.newest is None or source.lag_s is None:
        return found
    return f"{found}, newest event {source.newest:%Y-%m-%d %H:%M:%S}, {timedelta(seconds=round(source.lag_s))} ago"
