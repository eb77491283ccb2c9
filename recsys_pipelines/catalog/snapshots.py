"""The catalog, the users and the orders of a day: of every key what the sources said last."""

from collections.abc import Collection
from datetime import date

import polars as pl

from data_contracts.documents import TenantDocument
from recsys_pipelines.catalog.changes import record_changes
from recsys_pipelines.catalog.items import catalog
from recsys_pipelines.catalog.origins import Files, batches, files_of
from recsys_pipelines.catalog.upserts import merged
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import LANDED, LandedFile, TableName


def snapshot(
    document: TenantDocument, lake: Lake, table: TableName, files: Collection[LandedFile], *, day: date
) -> int:
    """Write ``items``, ``users`` or ``orders`` of a day, by key; how many rows they have.

    With the items go ``item_changes``. The same files give the same bytes, also if what they say was sent twice.
    """
    specs = getattr(document.sources, table)
    found = files_of(specs, table, files)
    if table == "items":
        rows = _catalog(document, lake, found, day)
    else:
        rows = merged(batches(lake, document.tenant, specs, found.now), LANDED[table])
    lake.write(table, document.tenant, day, rows)
    if table == "items":
        record_changes(lake, document.tenant, day)
    return rows.height


def _catalog(document: TenantDocument, lake: Lake, files: Files, day: date) -> pl.DataFrame:
    return catalog(document, lake, files, day)
