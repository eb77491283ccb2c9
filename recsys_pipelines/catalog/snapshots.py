"""The catalog, the users and the orders of a day: of every key what the sources said last, cleaned."""

from collections.abc import Collection
from datetime import date

import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.tables import USERS
from recsys_pipelines.catalog.changes import record_changes
from recsys_pipelines.catalog.cleaning import cleaned
from recsys_pipelines.catalog.items import catalog, newest_day
from recsys_pipelines.catalog.origins import Files, batches, files_of, is_lasting
from recsys_pipelines.catalog.report import catalog_report
from recsys_pipelines.catalog.upserts import Batch, merged
from recsys_pipelines.catalog.users import known_by, preferred_categories, unlearned, user_report
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import LANDED, LandedFile, TableName


def snapshot(
    document: TenantDocument, lake: Lake, table: TableName, files: Collection[LandedFile], *, day: date
) -> int:
    """Write ``items``, ``users`` or ``orders`` of a day, by key; how many rows they have.

    With the items go ``item_changes`` and ``catalog_report``, with the users ``user_report``. The same files give the
    same bytes, also if what they say was sent twice. Users come after events and items, of which they are made too.
    """
    found = files_of(getattr(document.sources, table), table, files)
    if table == "items":
        return _items(document, lake, found, day)
    rows = _stated(document, lake, table, found, day=day)
    if table == "users":
        return _users(document, lake, rows, day)
    lake.write(table, document.tenant, day, rows)
    return rows.height


def _items(document: TenantDocument, lake: Lake, files: Files, day: date) -> int:
    found = cleaned(catalog(document, lake, files, day), document.catalog, document.currency)
    lake.write("items", document.tenant, day, found.items)
    record_changes(lake, document.tenant, day)
    lake.write_json("catalog_report", document.tenant, day, catalog_report(found, day))
    return found.items.height


def _users(document: TenantDocument, lake: Lake, stated: pl.DataFrame, day: date) -> int:
    preferred = preferred_categories(document, lake, stated, day)
    found = known_by(stated, document.users, preferred)
    lake.write("users", document.tenant, day, found.users)
    lake.write_json("user_report", document.tenant, day, user_report(found, preferred, day))
    return found.users.height


def _stated(document: TenantDocument, lake: Lake, table: TableName, files: Files, *, day: date) -> pl.DataFrame:
    """What the sources say; of users that came as changes whose files are gone by now, what was known before."""
    specs, tenant = getattr(document.sources, table), document.tenant
    before = newest_day(lake, "users", tenant, day) if table == "users" and is_lasting(specs) else None
    known = [Batch(unlearned(lake.read("users", tenant, before)).lazy(), frozenset(USERS.names))] if before else []
    return merged([*known, *batches(lake, tenant, specs, files.now)], LANDED[table])
