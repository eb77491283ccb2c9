"""The rows of a batch that Great Expectations reads: all of them while it can afford that, else a fixed part of them.

A sample is chosen by a 64-bit hash of the row's key and number, so the same batch gives the same rows whatever their
order, and every kind of row has its share. Memory grows with the sample; what is read grows with the batch.
"""

from typing import NamedTuple

import polars as pl

from recsys_pipelines.contract import schema, unreadable_columns
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import LANDED, LandedFile, TableName
from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.row_rules import judged
from recsys_pipelines.suites import batch_columns, with_rule_columns

_HASH = "__hash"
_HASHES = 2**64 - 2**12  # a whole number of floating point, below the largest hash


class Sample(NamedTuple):
    """Mapped rows with ``suites.batch_columns``, bad ones included, out of how many, and whether that is all of them.

    ``of`` is what the ledger says; of a whole batch there should be as many rows.
    """

    rows: pl.DataFrame
    of: int
    is_whole: bool


def sample(name: TableName, case: Case) -> Sample:
    """At most ``checks.sample_rows`` of the batch's rows of one table."""
    files, table = case.batch_of(name), LANDED[name]
    of, most = sum(map(judged, files)), case.checks.sample_rows
    lost = dict.fromkeys(unreadable_columns(table).values(), pl.String())
    none = pl.LazyFrame(schema={**schema(table), "row": pl.Int64(), **lost, "landed_at": pl.Datetime("us", "UTC")})
    parts = [part for file in files for part in _parts(case.lake, case.tenant, file)]
    rows = pl.concat([none, *(_thinned(part, table.key[0], of, most) for part in parts)], how="diagonal")
    chosen = rows.sort(_HASH, table.key[0], "row").head(most).drop(_HASH) if of > most else rows
    return Sample(with_rule_columns(chosen, table).select(batch_columns(table)).collect(), of, of <= most)


def _parts(lake: Lake, tenant: str, file: LandedFile) -> list[pl.LazyFrame]:
    """The accepted rows of a file and its rejected ones, which stand before the copies."""
    staged = [lake.scan_parts(file.staged, tenant)] if file.staged else []
    refused = [lake.scan_parts(file.refused, tenant).head(file.rejected)] if file.rejected else []
    return [rows.with_columns(landed_at=pl.lit(file.landed_at)) for rows in (*staged, *refused)]


def _thinned(rows: pl.LazyFrame, key: str, of: int, most: int) -> pl.LazyFrame:
    """Rows with a small hash: a few more than are wanted, so that all the others are left behind while reading."""
    if of <= most:
        return rows
    hash = pl.col(key).hash() ^ pl.col("row").hash()
    few = min(1.0, (most + 6 * most**0.5) / of)
    return rows.filter(hash < int(few * _HASHES)).with_columns(hash.alias(_HASH))
