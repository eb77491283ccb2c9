"""The state of a catalog in numbers: what is in it, and what was repaired on the way; the record ``catalog_report``."""

from datetime import date

import msgspec
import polars as pl

from recsys_pipelines.catalog.cleaning import Cleaned

_EXAMPLES = 20


class CatalogReport(msgspec.Struct, frozen=True, kw_only=True):
    """A catalog of one day. ``repairs`` counts items (of tags: tags) by what was wrong; zero where nothing was.

    More than one currency is worth a look: prices of different currencies are never compared.
    """

    day: date
    items: int
    archived: int
    available: int
    without_price: int
    currencies: dict[str, int]
    repairs: dict[str, int]
    parent_cycles: tuple[tuple[str, ...], ...]  # the first of them


def catalog_report(found: Cleaned, day: date) -> CatalogReport:
    """The report of a catalog that was just cleaned."""
    items = found.items
    live = items.filter(~pl.col("archived"))
    currencies = live.drop_nulls("currency").group_by("currency").len().sort("currency")
    return CatalogReport(
        day=day,
        items=items.height,
        archived=items.height - live.height,
        available=int(items["available"].sum()),
        without_price=live["price_minor"].null_count(),
        currencies=dict(currencies.iter_rows()),
        repairs=found.repairs,
        parent_cycles=found.cycles[:_EXAMPLES],
    )
