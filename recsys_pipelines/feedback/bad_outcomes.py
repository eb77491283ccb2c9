"""Bad outcomes: purchases that came back or were cancelled, and clicks on recommendations of what could not be bought.

All of it is as it was known at some moment: returns that an event told of by then, orders as the newest day before then
has them, and each click against the catalog of its own day. A click on a day of which the lake has no catalog counts
nowhere. As in the funnel, clicks count places of answers. Where nothing tells of returns, there are none to count, and
no rows of that kind.

A rate is the lower end of Wilson's interval for the share of an item's outcomes that were bad (Wilson, 1927, JASA 22),
two standard errors wide: with x bad ones of n it is ``(x + 2 - 2 sqrt(1 + x (n - x) / n)) / (n + 4)``. So one return of
one purchase is a rate of 1/5 and not of 1, 100 of 100 one of 100/104, and an item without outcomes has none. An item is
penalized for what is all but certain, and rather too little than too much.

Memory holds the purchases, returns and clicks of the days in between, and one day's catalog.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.feedback_tables import BAD_OUTCOMES
from recsys_pipelines.catalog.items import newest_day
from recsys_pipelines.contract import schema
from recsys_pipelines.lake import Daily, Lake
from recsys_pipelines.returns import PERSON, came_back, is_return

TABLE = BAD_OUTCOMES.name
HISTORY_DAYS = 28
_COLUMNS = ("event_id", "ts", "type", "item_id", "order_id", "user_id", "anonymous_id")


def bad_outcomes(document: TenantDocument, lake: Lake, start: datetime, end: datetime) -> pl.DataFrame:
    """How the purchases and clicks from ``start`` until before ``end`` turned out (columns of ``BAD_OUTCOMES``), as far
    as it was known at ``end``."""
    days = lake.daily("attributions", document.tenant, start, end, where=[pl.col("request_id").is_not_null()])
    judged = pl.concat([pl.DataFrame(schema=_JUDGED), *_purchases(document, days), *_clicks(days)])
    counted = judged.group_by("kind", "day", "item_id", "surface").agg(outcomes=pl.len(), bad=pl.col("bad").sum())
    return counted.select(BAD_OUTCOMES.names).cast(schema(BAD_OUTCOMES)).sort(BAD_OUTCOMES.key)


def write_bad_outcomes(document: TenantDocument, lake: Lake, day: date) -> pl.DataFrame:
    """The last four weeks as they were known at the end of the day, also written to ``bad_outcomes``."""
    end = datetime.combine(day, time(), UTC) + timedelta(days=1)
    rows = bad_outcomes(document, lake, end - timedelta(days=HISTORY_DAYS), end)
    lake.write(TABLE, document.tenant, day, rows)
    return rows


def rates(outcomes: pl.DataFrame, kinds: Collection[str]) -> pl.DataFrame:
    """Per kind and item (kind, item_id, outcomes, bad, rate) what is certain of its share of bad ones, in that order.

    >>> rows = {"kind": ["returns"] * 3, "item_id": ["a", "a", "b"], "outcomes": [8, 4, 1], "bad": [6, 0, 1]}
    >>> rates(pl.DataFrame(rows), ["returns"]).select("item_id", "outcomes", "bad", "rate").rows()
    [('a', 12, 6, 0.25), ('b', 1, 1, 0.2)]
    """
    x, n = pl.col("bad"), pl.col("outcomes")
    counted = outcomes.filter(pl.col("kind").is_in(sorted(kinds))).group_by("kind", "item_id").agg(n.sum(), x.sum())
    lower = (x + 2 - 2 * (1 + x * (n - x) / n).sqrt()) / (n + 4)
    return counted.with_columns(rate=lower).sort("kind", "item_id")


_JUDGED: dict[str, pl.DataType] = {
    "kind": pl.String(),
    "day": pl.Datetime("us", "UTC"),
    "item_id": pl.String(),
    "surface": pl.String(),
    "bad": pl.Boolean(),
}


def _purchases(document: TenantDocument, credited: Daily) -> Iterator[pl.DataFrame]:
    """A row for each purchase, if anything tells whether it came back."""
    if document.returns is None and not document.sources.orders:
        return
    lake, start, end = credited.lake, credited.start, credited.end
    is_told = pl.lit(value=False) if document.returns is None else is_return(document.returns)
    wanted = (pl.col("type") == "purchase") & pl.col("item_id").is_not_null()
    events = lake.window("events", document.tenant, start, end, columns=_COLUMNS, where=[wanted | is_told])
    purchases, returns = (events.with_columns(PERSON).filter(type=type) for type in ("purchase", "custom"))
    bad = came_back(purchases, returns, _cancelled(lake, document.tenant, end))
    surfaces = _rows(credited).filter(type="purchase").select("event_id", "surface").collect()
    judged = purchases.with_columns(bad).join(surfaces, on="event_id", how="left", maintain_order="left")
    yield _shaped(judged, "returns")


def _cancelled(lake: Lake, tenant: str, end: datetime) -> pl.Series:
    """The orders that were cancelled, as the last day before ``end`` has them."""
    day = newest_day(lake, "orders", tenant, (end - timedelta(microseconds=1)).date())
    orders = lake.scan("orders", tenant, [day] if day else [])
    return orders.filter("cancelled").select("order_id").collect()["order_id"]


def _clicks(credited: Daily) -> Iterator[pl.DataFrame]:
    """A row for each place that was clicked, day by day."""
    lake, tenant = credited.lake, credited.tenant
    clicks = _rows(credited).filter(type="click").select("ts", "request_id", "item_id", "surface").collect()
    known = set(lake.days("items", tenant))
    for (day,), clicked in clicks.group_by(pl.col("ts").dt.date(), maintain_order=True):
        if day in known:
            places = clicked.unique(["request_id", "item_id"], keep="first", maintain_order=True)
            there = lake.scan("items", tenant, [day]).filter("available").select("item_id").collect()["item_id"]
            yield _shaped(places.with_columns(bad=~pl.col("item_id").is_in(there.implode())), "unavailable_clicks")


def _rows(days: Daily) -> pl.LazyFrame:
    return days.lake.scan(days.table, days.tenant, days.days).filter(*days.within)


def _shaped(judged: pl.DataFrame, kind: str) -> pl.DataFrame:
    day, surface = pl.col("ts").dt.truncate("1d"), pl.col("surface").fill_null("")
    rows = judged.select("item_id", "bad", kind=pl.lit(kind), day=day, surface=surface)
    return rows.select(pl.col(name).cast(dtype) for name, dtype in _JUDGED.items())
