"""Which of a table's files speak for it now, and of which columns they speak.

A source of mode ``upsert`` is a change feed: all of its files speak, one after the other. Of a source of mode
``snapshot`` the newest file is the full state, and the older ones only tell what there once was.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from data_contracts.source_specs import Field, SourceSpec
from data_contracts.tables import ITEMS, Table
from recsys_pipelines.catalog.upserts import Batch
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import LANDED, LandedFile, TableName
from recsys_pipelines.mapping import sources_of


class Files(NamedTuple):
    """The usable files of one table: those that speak ``now``, and those of which a newer one took the place."""

    now: tuple[LandedFile, ...]
    past: tuple[LandedFile, ...]


def files_of(specs: Sequence[SourceSpec], table: TableName, files: Iterable[LandedFile]) -> Files:
    """The files of a table that have rows; one without any says nothing, so that it archives nothing either."""
    usable = [file for file in files if file.table == table and file.accepted]
    newest = {file.identity.source: file for file in usable}
    now = [file for file in usable if specs[file.identity.source].mode == "upsert" or file in newest.values()]
    return Files(tuple(now), tuple(file for file in usable if file not in now))


def batches(lake: Lake, tenant: str, specs: Sequence[SourceSpec], files: Iterable[LandedFile]) -> list[Batch]:
    """The accepted rows of these files, in order, with what their sources speak of."""
    return [
        Batch(
            lake.scan_parts(file.staged, tenant).select(LANDED[file.table].names),
            gives(specs[file.identity.source], LANDED[file.table], file.columns),
        )
        for file in files
    ]


def gives(spec: SourceSpec, table: Table, columns: Mapping[str, str]) -> frozenset[str]:
    """The columns that the document makes from what the file has, and those that the file has by our name.

    All, if nothing is known of the file. A price without a currency is in the currency that the item has. A source of
    brands or categories tags with them.
    """
    if not columns:
        return frozenset(table.names)
    made = {name for name, field in spec.fields.items() if _is_made(field, columns)}
    named = {*table.key, *made, *(name for name in table.names if name in columns and name not in spec.fields)}
    return frozenset(named | ({"tags"} if table is ITEMS and named & {"brand", "category"} else set()))


def is_lasting(specs: Iterable[SourceSpec]) -> bool:
    """Whether a source brings changes only: its landed files are deleted in time, what they said still holds."""
    return any(spec.mode == "upsert" and (spec.kafka or (spec.postgres and spec.postgres.cursor)) for spec in specs)


def _is_made(field: str | Field, columns: Mapping[str, str]) -> bool:
    """Whether the file has a column that the field is made from, or the field needs none."""
    reads = sources_of(Field(column=field) if isinstance(field, str) else field)
    return not reads or any(name in columns or name.split(".")[0] in columns for name in reads)
