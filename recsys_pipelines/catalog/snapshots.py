"""The catalog and the users of a day: of every key the newest row that the sources gave."""

from collections.abc import Collection
from datetime import date

from data_contracts.documents import TenantDocument
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import LANDED, LandedFile, TableName, accepted


def snapshot(
    document: TenantDocument, lake: Lake, table: TableName, files: Collection[LandedFile], *, day: date
) -> int:
    """Write the newest row of every key of ``items``, ``users`` or ``orders``, by key; how many there are."""
    (key,) = LANDED[table].key
    rows = accepted(lake, document.tenant, table, files).unique(key, keep="last", maintain_order=True)
    newest = rows.select(LANDED[table].names).sort(key).collect()
    lake.write(table, document.tenant, day, newest)
    return newest.height
