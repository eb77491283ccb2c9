"""What a surface serves of a catalog, against the catalog that the sources gave: item by item, column by column."""

from datetime import date
from typing import Any

import msgspec
import polars as pl

from data_contracts.tables import ITEMS
from recsys_algo.catalog import Catalog
from recsys_pipelines.contract import schema

COLUMNS = (
    *("title", "description", "brand", "category", "price_minor", "currency", "available", "archived"),
    *("parent_id", "tags", "url", "image_url"),
)
_KEY = "item_id"


class Items(msgspec.Struct, frozen=True, kw_only=True):
    """So many items, and the first of them by id."""

    count: int
    examples: tuple[str, ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One item and column that the two do not have in common."""

    item_id: str
    source: Any
    served: Any


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """How many items differ in a column, and the first of them by id."""

    count: int
    examples: tuple[Difference, ...]


class CatalogDiff(msgspec.Struct, frozen=True, kw_only=True):
    """The catalog of ``day`` against a generation: items ``not_served``, items ``only_served``, and what differs."""

    tenant: str
    surface: str
    generation: int
    day: date
    items: int
    served: int
    not_served: Items
    only_served: Items
    differing: dict[str, Column]

    @property
    def is_same(self) -> bool:
        """Whether there is nothing to see."""
        return not (self.not_served.count or self.only_served.count or self.differing)


def published(catalog: Catalog) -> pl.DataFrame:
    """The catalog of a bundle as a frame (item_id and ``COLUMNS``), by id; time grows with the items, row by row."""
    told = [name for name in COLUMNS if name != "archived"]
    left = {*catalog.archived.tolist()}
    rows = [catalog.describe(index, (_KEY, *told)) | {"archived": index in left} for index in range(len(catalog))]
    types = schema(ITEMS)
    return pl.DataFrame(rows, schema={name: types[name] for name in (_KEY, *COLUMNS)}).sort(_KEY)


def differences(source: pl.DataFrame, served: pl.DataFrame, examples: int = 10) -> dict[str, Column]:
    """By column, the items of both frames (item_id and ``COLUMNS``) that differ in it, where any do."""
    both = source.select(_KEY, *COLUMNS).join(served, on=_KEY, suffix="_served").sort(_KEY)
    found = {}
    for name in COLUMNS:
        differs = both.filter(pl.col(name).ne_missing(pl.col(f"{name}_served")))
        if differs.height:
            first = differs.head(examples).select(_KEY, source=name, served=f"{name}_served")
            rows = tuple(Difference(**row) for row in first.iter_rows(named=True))
            found[name] = Column(count=differs.height, examples=rows)
    return found


def only_in(one: pl.DataFrame, other: pl.DataFrame, examples: int = 10) -> Items:
    """The items of one frame that the other does not have."""
    alone = one.join(other, on=_KEY, how="anti").sort(_KEY)[_KEY]
    return Items(count=len(alone), examples=tuple(alone.head(examples)))
