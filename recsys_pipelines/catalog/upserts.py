"""Upserts: of every key of a table what its sources said last, column by column.

A row is as new as its ``updated_at``; one without is as new as the newest row of its key before it. So an older row
never overwrites a newer one, whatever order the files come in, and among rows that are equally new the later batch
counts, and in it the later row. A column is taken from rows whose source speaks of it: a feed of prices changes
prices, and nothing else. A row that archives an item says nothing else about it.
"""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import polars as pl

from data_contracts.tables import Table
from recsys_pipelines.contract import schema

_STATE = ("available", "archived", "updated_at")  # what a row that archives may still say


class Batch(NamedTuple):
    """Rows that came together, with the columns of their table, and the columns that their source speaks of."""

    rows: pl.LazyFrame
    gives: frozenset[str]


class _Part(NamedTuple):
    """Columns that are taken from the same rows: of these batches, also of those that archive or not."""

    batches: frozenset[int]
    archiving: bool


def merged(batches: Sequence[Batch], table: Table) -> pl.DataFrame:
    """What was said last (the table's columns, by key), batches in the order in which they count.

    Keys and times of all rows are held in memory, other columns only of the rows that count.
    """
    (key,) = table.key
    if not batches:
        return pl.DataFrame(schema=schema(table))
    said = _said(batches, table)
    parts = [
        _taken(batches, _newest(said, key, part), [key, *columns]) for part, columns in _parts(batches, table, said)
    ]
    whole = reduce(lambda left, right: left.join(right, on=key), parts)
    return whole.select(table.names).sort(key)


def keys(batches: Sequence[Batch], key: str) -> pl.Series:
    """Every key that occurs in the batches, once, sorted."""
    if not batches:
        return pl.Series(key, [], pl.String)
    found = pl.concat([batch.rows.select(key) for batch in batches])
    return found.unique().sort(key).collect().to_series()


def _said(batches: Sequence[Batch], table: Table) -> pl.DataFrame:
    """Of every row its key, its place (``batch``, ``at``), ``since`` (how new it is) and whether it archives."""
    (key,) = table.key
    names = [key, *(name for name in ("updated_at", "archived") if name in table.names)]
    places = [
        batch.rows.select(names).with_row_index("at").with_columns(batch=pl.lit(number, pl.Int32))
        for number, batch in enumerate(batches)
    ]
    rows = pl.concat(places).collect()
    since = _since(rows, key) if "updated_at" in names else pl.lit(0)
    archives = pl.col("archived") if "archived" in names else pl.lit(value=False)
    return rows.select(key, "batch", "at", since=since, archives=archives)


def _since(rows: pl.DataFrame, key: str) -> pl.Expr:
    times = pl.col("updated_at")
    if rows["updated_at"].null_count() in {0, rows.height}:
        return times
    return pl.coalesce(times, times.cum_max().forward_fill().over(key))


def _parts(batches: Sequence[Batch], table: Table, said: pl.DataFrame) -> list[tuple[_Part, list[str]]]:
    """The table's columns but its key, those together that are taken from the same rows."""
    archives = bool(said["archives"].any())
    found: dict[_Part, list[str]] = {}
    for name in table.names:
        giving = frozenset(number for number, batch in enumerate(batches) if name in batch.gives)
        if name not in table.key:
            found.setdefault(_Part(giving, not archives or name in _STATE), []).append(name)
    return list(found.items())


def _newest(said: pl.DataFrame, key: str, part: _Part) -> pl.DataFrame:
    """The place of the newest row of every key; of keys about which only other rows speak, of those."""
    speaks = pl.col("batch").is_in(sorted(part.batches))
    speaks = speaks if part.archiving else speaks & ~pl.col("archives")
    in_order = said.with_columns(speaks=speaks).sort("speaks", "since", "batch", "at")
    return in_order.unique(key, keep="last", maintain_order=True).select("batch", "at")


def _taken(batches: Sequence[Batch], places: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    by_batch = places.partition_by("batch", as_dict=True, include_key=False)
    rows = [
        batches[number].rows.with_row_index("at").join(by_batch[number,].lazy(), on="at", how="semi").select(columns)
        for number in sorted(number for (number,) in by_batch)
    ]
    return pl.concat(pl.collect_all(rows)) if rows else batches[0].rows.select(columns).clear().collect()
