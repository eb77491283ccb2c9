"""What an item cost, and whether it could be bought, at any time: slowly changing history.

The table ``item_changes`` has for each day the items that differ from the catalog before that day. A version holds
from ``valid_from`` until the next one; before its first version nothing is known of an item. A day is replaced when it
is made again; if it lies before days that were made already, the next of them gets the rows that it now lacks.
"""

from datetime import UTC, date, datetime, time

import polars as pl

from data_contracts.catalog_tables import ITEM_CHANGES
from recsys_pipelines.contract import schema
from recsys_pipelines.lake import Lake

_STATE = ("price_minor", "currency", "available", "archived")
_KEY = "item_id"


def record_changes(lake: Lake, tenant: str, day: date) -> int:
    """Write the changes of a day whose ``items`` are in the lake; how many there are."""
    days = lake.days("items", tenant)
    place = days.index(day)
    before, after = days[:place][-1:], days[place + 1 :][:1]
    changes = _changes(_items(lake, tenant, before), _items(lake, tenant, [day]), day)
    lake.write("item_changes", tenant, day, changes)
    for later in after:
        _mend(lake, tenant, day, later)
    return changes.height


def history(lake: Lake, tenant: str, until: date) -> pl.DataFrame:
    """Every version of every item that was known by the end of that day, by item and time.

    Columns: item_id, valid_from, valid_to (null: still so), price_minor, currency, available, archived.
    """
    versions = [
        lake.read("item_changes", tenant, day).with_columns(day=pl.lit(day))
        for day in lake.days("item_changes", tenant)
        if day <= until
    ]
    if not versions:
        versions = [pl.DataFrame(schema={**schema(ITEM_CHANGES), "day": pl.Date()})]
    last = pl.concat(versions).sort(_KEY, "valid_from", "day").unique([_KEY, "valid_from"], keep="last")
    in_order = last.sort(_KEY, "valid_from")
    is_new = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in (_KEY, *_STATE))
    valid_to = pl.col("valid_from").shift(-1).over(_KEY)
    return in_order.filter(is_new).with_columns(valid_to=valid_to).select(_KEY, "valid_from", "valid_to", *_STATE)


def as_of(events: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """The events (item_id, ts, ...) in their order, with price_minor, currency and available as they were then.

    All three are null before the first version that is known: what holds later would tell training the future.
    """
    state = [name for name in _STATE if name != "archived"]
    versions = history.select(_KEY, *state, ts="valid_from").sort("ts", _KEY)
    placed = events.drop(state, strict=False).with_row_index("__place").sort("ts", "__place")
    joined = placed.join_asof(versions, on="ts", by=_KEY, strategy="backward", check_sortedness=False)
    return joined.sort("__place").drop("__place")


def _items(lake: Lake, tenant: str, days: list[date]) -> pl.DataFrame:
    return lake.scan("items", tenant, days).select(_KEY, "updated_at", *_STATE).collect()


def _changes(before: pl.DataFrame, now: pl.DataFrame, day: date) -> pl.DataFrame:
    """What differs between two catalogs; an item that only the first one has is archived, without a price.

    So a row is true whatever the catalog before was, and a later day need not be made again with an earlier one.
    """
    nothing = {"price_minor": None, "currency": None, "available": False, "archived": True}
    left = before.join(now, on=_KEY, how="anti").filter(~pl.col("archived"))
    gone = left.with_columns(pl.lit(value, before.schema[name]).alias(name) for name, value in nothing.items())
    known = before.rename({name: f"{name}_before" for name in ("updated_at", *_STATE)}).with_columns(known=True)
    joined = pl.concat([now, gone]).join(known, on=_KEY, how="left")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in _STATE)
    begins = datetime.combine(day, time(), UTC)
    is_told = pl.col("updated_at") > pl.col("updated_at_before").fill_null(datetime.min.replace(tzinfo=UTC))
    valid_from = pl.when(is_told).then("updated_at").otherwise(pl.lit(begins))
    changed = joined.filter(pl.col("known").is_null() | differs).with_columns(valid_from=valid_from)
    return changed.select(ITEM_CHANGES.names).cast(schema(ITEM_CHANGES)).sort(_KEY)


def _mend(lake: Lake, tenant: str, day: date, later: date) -> None:
    """Add the changes from ``day`` to a later day that were none before ``day`` was made again."""
    needed = _changes(_items(lake, tenant, [day]), _items(lake, tenant, [later]), later)
    there = lake.scan("item_changes", tenant, [later]).collect()
    lacking = needed.join(there, on=_KEY, how="anti")
    if lacking.height:
        lake.write("item_changes", tenant, later, pl.concat([there, lacking]).sort(_KEY))
