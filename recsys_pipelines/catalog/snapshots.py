"""The catalog, the users and the orders of a day: of every key what the sources said last, cleaned."""

from collections.abc import Collection
from datetime import date

import polars as pl

from data_contracts.documents import TenantDocument
from recsys_pipelines.catalog.changes import record_changes
from recsys_pipelines.catalog.cleaning import cleaned
from recsys_pipelines.catalog.items import catalog
from recsys_pipelines.catalog.origins import Files, batches, files_of
from recsys_pipelines.catalog.report import catalog_report
from recsys_pipelines.catalog.upserts import merged
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import LANDED, LandedFile, TableName


def snapshot(
    document: TenantDocument, lake: Lake, table: TableName, files: Collection[LandedFile], *, day: date
) -> int:
    """Write ``items``, ``users`` or ``orders`` of a day, by key; how many rows they have.

    With the items go ``item_changes`` and ``catalog_report``. The same files give the same bytes, also if what they say
    was sent twice.
    """
    found = files_of(getattr(document.sources, table), table, files)
    if table == "items":
        return _items(document, lake, found, day)
    rows = _stated(document, lake, table, found)
    lake.write(table, document.tenant, day, rows)
    return rows.height


def _items(document: TenantDocument, lake: Lake, files: Files, day: date) -> int:
    found = cleaned(catalog(document, lake, files, day), document.catalog, document.currency)
    lake.write("items", document.tenant, day, found.items)
    record_changes(lake, document.tenant, day)
    lake.write_json("catalog_report", document.tenant, day, catalog_report(found, day))
    return found.items.height


def _stated(document: TenantDocument, lake: Lake, table: TableName, files: Files) -> pl.DataFrame:
    specs = getattr(document.sources, table)
    return merged(batches(lake, document.tenant, specs, files.now), LANDED[table])
