"""`recsys catalog`: what is in a tenant's catalog, how it differs from what is served, and reading all of it again."""

import os
import sys
from typing import TYPE_CHECKING, Any

import msgspec
from cyclopts import App
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from recsys_pipelines.catalog.differences import CatalogDiff
    from recsys_pipelines.catalog.inquiry import Shown
    from recsys_pipelines.workshop import Workshop

catalog = App(name="catalog", help="What is in a tenant's catalog, how it differs from what is served, and re-sync.")


@catalog.default
def report(*, tenant: str, json: bool = False) -> None:
    """State what the newest catalog holds and what was repaired in it.

    Parameters
    ----------
    tenant
        The tenant's name.
    json
        Print one JSON object.
    """
    from recsys_pipelines.catalog.inquiry import last_report  # noqa: PLC0415  (Polars: only when asked)

    shop = opened(tenant)
    found = last_report(shop.lake, tenant)
    if json:
        write(found)
        return
    console = Console()
    console.print(f"{tenant}: {found.items:,} items on {found.day}, {found.archived:,} of them archived")
    console.print(f"{found.available:,} available, {found.without_price:,} without a price")
    money = ", ".join(f"{name} {count:,}" for name, count in found.currencies.items())
    console.print(f"prices: {money or 'none'}{' (more than one currency)' if len(found.currencies) > 1 else ''}")
    for name, count in found.repairs.items():
        if count:
            console.print(f"{name}: {count:,}")
    for circle in found.parent_cycles:
        console.print(f"each other's parents: {', '.join(circle)}", markup=False)


@catalog.command
def diff(*, tenant: str, surface: str | None = None, json: bool = False) -> int:
    """Compare the newest catalog with what a surface serves: items on one side only, and what differs.

    Exit codes: 0 the same, 1 different, or an error.

    Parameters
    ----------
    tenant
        The tenant's name.
    surface
        The surface; default: the tenant's default surface.
    json
        Print one JSON object.
    """
    from recsys_pipelines.catalog.inquiry import compared  # noqa: PLC0415

    shop = opened(tenant)
    found = compared(shop, tenant, surface or shop.tenant(tenant).document.default_surface)
    if json:
        write(found)
    else:
        show_diff(found)
    return 0 if found.is_same else 1


@catalog.command
def resync(*, tenant: str, wait: float = 0.0, json: bool = False) -> None:
    """Read every file of items and users again and make the newest catalog of them; repeating it changes nothing.

    What is served follows with the next `recsys run daily`.

    Parameters
    ----------
    tenant
        The tenant's name.
    wait
        Seconds to wait while a run of the tenant is in progress; then this one refuses.
    json
        Print one JSON object.
    """
    from recsys_pipelines.catalog.inquiry import resync as read_again  # noqa: PLC0415

    done = read_again(opened(tenant), tenant, wait_s=wait)
    if json:
        write(done)
        return
    Console().print(f"read {done.files:,} files with {done.rows:,} rows again")
    if done.day:
        Console().print(f"{done.day}: {done.items:,} items, {done.users:,} users; `recsys run daily` publishes them")


@catalog.command
def show(*, tenant: str, item: str, json: bool = False) -> None:
    """Show an item of the newest catalog, its history of price and availability, and the rows that speak of it.

    Parameters
    ----------
    tenant
        The tenant's name.
    item
        The item's id.
    json
        Print one JSON object.
    """
    from recsys_pipelines.catalog.inquiry import shown  # noqa: PLC0415

    found = shown(opened(tenant).lake, tenant, item)
    if json:
        write(found)
    else:
        show_item(found)


def opened(tenant: str) -> "Workshop":
    """The places of this installation, if it knows the tenant."""
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    shop.tenant(tenant)
    return shop


def write(found: Any) -> None:
    """One JSON object."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")


def show_diff(found: "CatalogDiff") -> None:
    """The differences as a table, with the first item of each kind."""
    title = f"{found.tenant}/{found.surface}: catalog of {found.day} and generation {found.generation}"
    table = Table("difference", "items", "for example", title=title)
    for name, items in (("not served", found.not_served), ("only served", found.only_served)):
        if items.count:
            table.add_row(name, f"{items.count:,}", ", ".join(items.examples[:3]))
    for name, column in found.differing.items():
        first = column.examples[0]
        table.add_row(name, f"{column.count:,}", f"{first.item_id}: {first.served!r} is {first.source!r}")
    Console().print("no difference" if found.is_same else table)


def show_item(found: "Shown") -> None:
    """The item, its versions and its rows."""
    console = Console()
    for name, value in found.item.items():
        console.print(f"{name}: {value}", markup=False, highlight=False)
    table = Table("from", "until", "price", "available", "archived")
    for version in found.history:
        price = "" if version.price_minor is None else f"{version.price_minor} {version.currency}"
        until = str(version.valid_to or "")
        table.add_row(str(version.valid_from), until, price, str(version.available), str(version.archived))
    console.print(table)
    for row in found.said:
        console.print(f"{row.file} row {row.row}, landed {row.landed_at}", markup=False, highlight=False)
