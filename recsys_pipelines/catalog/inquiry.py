"""Questions about a tenant's catalog: what is served of it, where an item comes from, and reading all of it again."""

from datetime import date, datetime
from typing import Any
from uuid import uuid4

import msgspec
import polars as pl
from msgspec.structs import replace

from data_contracts.errors import ContractError
from recsys_algo.loading import load
from recsys_pipelines.catalog.changes import history
from recsys_pipelines.catalog.differences import CatalogDiff, differences, only_in, published
from recsys_pipelines.catalog.report import CatalogReport
from recsys_pipelines.catalog.snapshots import snapshot
from recsys_pipelines.lake import Lake
from recsys_pipelines.lease import hold
from recsys_pipelines.ledger import LandedFile, Ledger, TableName, read_ledger, read_rulings
from recsys_pipelines.workshop import Workshop

AGAIN: tuple[TableName, ...] = ("items", "users")


class NoCatalog(ContractError):
    """The lake has no catalog of that tenant yet."""


class UnknownItem(ContractError):
    """No catalog of that tenant has the item."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a source about an item."""

    file: str
    row: int
    landed_at: datetime
    updated_at: datetime | None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What was so from ``valid_from`` until ``valid_to`` (None: still)."""

    valid_from: datetime
    valid_to: datetime | None
    price_minor: int | None
    currency: str | None
    available: bool
    archived: bool


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An item in the catalog of ``day``, its history, and the rows that speak of it."""

    day: date
    item: dict[str, Any]
    history: tuple[Version, ...]
    said: tuple[Said, ...]


class Resynced(msgspec.Struct, frozen=True, kw_only=True):
    """How many files were read again, their rows, and what stands in the tables of ``day`` (None: none was made)."""

    files: int
    rows: int
    day: date | None
    items: int
    users: int


def newest(lake: Lake, tenant: str) -> date:
    """The day of the newest catalog. Raises ``NoCatalog``."""
    days = lake.days("items", tenant)
    if not days:
        raise NoCatalog(f"the lake has no catalog of {tenant!r}; run `recsys run daily --tenant {tenant}` first")
    return days[-1]


def last_report(lake: Lake, tenant: str) -> CatalogReport:
    """The report of the newest catalog. Raises ``NoCatalog``."""
    day = newest(lake, tenant)
    report = lake.read_json("catalog_report", tenant, day, CatalogReport)
    if report is None:
        raise NoCatalog(f"the catalog of {tenant!r} of {day} has no report; run `recsys catalog resync` to make it")
    return report


def compared(shop: Workshop, tenant: str, surface: str) -> CatalogDiff:
    """The newest catalog against what the surface serves. Raises ``NoCatalog`` and ``LoadFailed``."""
    day = newest(shop.lake, tenant)
    loaded = load(shop.store, tenant, surface, shop.cache)
    assert loaded is not None  # no tag was given that could still be the newest
    source, served = shop.lake.read("items", tenant, day), published(loaded.bundle.catalog)
    return CatalogDiff(
        tenant=tenant,
        surface=surface,
        generation=loaded.bundle.generation,
        day=day,
        items=source.height,
        served=served.height,
        not_served=only_in(source, served),
        only_served=only_in(served, source),
        differing=differences(source, served),
    )


def shown(lake: Lake, tenant: str, item: str) -> Shown:
    """All that is known of an item. Raises ``NoCatalog`` and ``UnknownItem``."""
    day = newest(lake, tenant)
    rows = lake.scan("items", tenant, [day]).filter(pl.col("item_id") == item).collect()
    if rows.is_empty():
        raise UnknownItem(f"the catalog of {tenant!r} of {day} has no item {item!r}")
    versions = history(lake, tenant, day).filter(pl.col("item_id") == item).drop("item_id")
    return Shown(
        day=day,
        item=rows.row(0, named=True),
        history=tuple(Version(**row) for row in versions.iter_rows(named=True)),
        said=tuple(row for file in read_ledger(lake, tenant).files for row in _said(lake, tenant, file, item)),
    )


def resync(shop: Workshop, tenant: str, *, wait_s: float = 0.0) -> Resynced:
    """Read every file of items and users again, and make the newest catalog and users of them.

    What validation blocked is left out; of a file that it has not seen, the next run is the judge. Safe to repeat: the
    same files give the same bytes. Raises ``RunInProgress`` if another run does not end in time.
    """
    document = shop.tenant(tenant).document
    with hold(shop.lake, tenant, holder=f"resync {uuid4()}", now=shop.now, wait_s=wait_s):
        _forget(shop.lake, tenant)
        landing = shop.land(tenant)
        read = [file for file in landing.files if file.table in AGAIN]
        rulings = read_rulings(shop.lake, tenant).files
        passed = [file for file in landing.files if file.id not in rulings or rulings[file.id].passed]
        day = max(shop.lake.days("items", tenant), default=None)
        made = {} if day is None else {name: snapshot(document, shop.lake, name, passed, day=day) for name in AGAIN}
    rows = sum(file.rows for file in read)
    return Resynced(files=len(read), rows=rows, day=day, items=made.get("items", 0), users=made.get("users", 0))


def _forget(lake: Lake, tenant: str) -> None:
    """Let the ledger know of items and users only which contents there were, so that they are landed again.

    When each content came first is kept. Whoever is killed here has forgotten, and the next landing reads them.
    """
    found, tag = lake.read_tagged_json("ledger", tenant, None, Ledger)
    if found is None:
        return
    files = tuple(_forgotten(file) if file.table in AGAIN else file for file in found.files)
    lake.swap_json("ledger", tenant, None, replace(found, files=files), tag=tag)


def _forgotten(file: LandedFile) -> LandedFile:
    return replace(file, identity=replace(file.identity, mapping=""))


def _said(lake: Lake, tenant: str, file: LandedFile, item: str) -> list[Said]:
    if file.table != "items" or not file.staged:
        return []
    rows = lake.scan_parts(file.staged, tenant).filter(pl.col("item_id") == item).select("row", "updated_at").collect()
    return [Said(file=file.file, landed_at=file.landed_at, **row) for row in rows.iter_rows(named=True)]
