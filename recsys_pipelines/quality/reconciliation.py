"""Do the purchases among the events agree with the shop's own books? An alarm for lost and invented purchases (R40).

Of a day, orders that were cancelled count on neither side. Purchases that name their order are matched by it; where
none does, the books' order lines are compared with the number of purchase events, or orders with distinct times.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from data_contracts.policies import Checks
from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.names import BOOKED_BY_DAY, BOOKED_BY_ID
from recsys_pipelines.quality.results import Seen, result, share
from recsys_pipelines.verdict import EXAMPLES, CheckResult

_SUBJECT = pl.coalesce("user_id", "anonymous_id", "session_id")


class Books(NamedTuple):
    """What is compared: ``orders`` (order_id, day, total_minor, lines, cancelled), each once; ``purchases`` (day,
    order_id, amount_minor, buyer, ts) of the days around; and the ``days`` in question."""

    orders: pl.DataFrame
    purchases: pl.DataFrame
    days: Sequence[date]


def books(case: Case) -> Books | None:
    """The newest days of the batch, of events and orders; None for a tenant that has no orders table."""
    if not case.files_of("orders"):
        return None
    day = pl.col("ts").dt.date().alias("day")
    newest = case.accepted("orders").unique("order_id", keep="last", maintain_order=True)
    orders = newest.select("order_id", day, "total_minor", "lines", "cancelled").sort("order_id").collect()
    due = case.accepted("orders", case.batch).select(day).unique().collect()["day"].to_list()
    days = sorted({*case.judged_days, *(each for each in due if each <= case.day)})
    days = days[-case.checks.volume.history_days :]
    around = {each + timedelta(days=n) for each in days for n in (-1, 0, 1)}
    bought = case.events(around).filter(pl.col("type") == "purchase").unique("event_id")
    columns = (day, "order_id", "amount_minor", _SUBJECT.alias("buyer"), "ts")
    return Books(orders, bought.select(*columns).sort("ts", "order_id", "buyer").collect(), days)


def booked_by_day(books: Books | None, checks: Checks) -> CheckResult:
    """The worst relative difference of a day, in the number of orders or in what was paid."""
    limit = checks.reconciliation_tolerance
    if books is None or not books.days:
        return result(BOOKED_BY_DAY, checks, Seen(0, limit, _nothing(books)))
    gaps = sorted(_differences(books), key=lambda gap: (-gap.share, gap.words))
    over = tuple(gap.words for gap in gaps if gap.share > limit)
    ask = "; ask whether the events or the orders of that day were delivered" if over else ""
    detail = f"{gaps[0].words if gaps else 'no purchase and no order'}, at most {limit:.1%} may differ{ask}"
    return result(BOOKED_BY_DAY, checks, Seen(gaps[0].share if gaps else 0, limit, detail, examples=over[1:]))


def booked_by_id(books: Books | None, checks: Checks) -> CheckResult:
    """Orders of these days that no purchase names, and purchases of these days that name no order of the books."""
    limit = checks.reconciliation_tolerance
    if books is None or not books.days:
        return result(BOOKED_BY_ID, checks, Seen(0, limit, _nothing(books)))
    named = books.purchases.filter(pl.col("order_id").is_not_null())
    if named.is_empty():
        return result(BOOKED_BY_ID, checks, Seen(0, limit, "no purchase names its order; map `order_id` to compare"))
    due = _valid(books.orders).filter(pl.col("day").is_in(books.days))
    missing = due.filter(~pl.col("order_id").is_in(named["order_id"].implode()))["order_id"]
    here = named.filter(pl.col("day").is_in(books.days))["order_id"].unique()
    surplus = here.filter(~here.is_in(books.orders["order_id"].implode())).sort()
    wrong, total = missing.len() + surplus.len(), due.height + surplus.len()
    detail = (
        f"{missing.len():,} of {due.height:,} orders have no purchase event, {surplus.len():,} purchases name an order "
        f"that the books do not have ({share(wrong, total):.1%} in all), at most {limit:.1%} may"
    )
    said = [*(f"missing {id}" for id in missing.head(EXAMPLES)), *(f"surplus {id}" for id in surplus.head(EXAMPLES))]
    return result(BOOKED_BY_ID, checks, Seen(share(wrong, total), limit, detail, examples=tuple(said)))


class Difference(NamedTuple):
    """Of one day: how far events and books are apart, as a share of the larger one."""

    share: float
    words: str


def _nothing(books: Books | None) -> str:
    return "the tenant has no orders table to reconcile with" if books is None else "no day of the batch to reconcile"


def _valid(orders: pl.DataFrame) -> pl.DataFrame:
    return orders.filter(~pl.col("cancelled"))


def _differences(books: Books) -> list[Difference]:
    """Two per day: how many orders, and what was paid, where both sides say it."""
    cancelled = books.orders.filter("cancelled")["order_id"]
    counted = books.purchases.filter(~pl.col("order_id").is_in(cancelled.implode()).fill_null(value=False))
    number = _number(counted, books.orders)
    found = []
    for day in books.days:
        bought, ordered = counted.filter(day=day), _valid(books.orders).filter(day=day)
        found.append(_difference(f"{day}: {number.words}", *(side.item() for side in number.of(bought, ordered))))
        if counted["amount_minor"].count() and books.orders["total_minor"].count():
            paid, booked = int(bought["amount_minor"].sum()), int(ordered["total_minor"].sum())
            found.append(_difference(f"{day}: minor units paid", paid, booked))
    return found


class _Number(NamedTuple):
    """How the number of orders is found on either side."""

    words: str
    bought: pl.Expr
    ordered: pl.Expr

    def of(self, bought: pl.DataFrame, ordered: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        return bought.select(self.bought), ordered.select(self.ordered)


def _number(purchases: pl.DataFrame, orders: pl.DataFrame) -> _Number:
    if purchases["order_id"].count():
        return _Number("orders", pl.col("order_id").drop_nulls().n_unique(), pl.len())
    if orders["lines"].count():
        return _Number("items bought", pl.len(), pl.col("lines").sum())
    return _Number("orders, by buyer and time", pl.struct("buyer", "ts").n_unique(), pl.len())


def _difference(what: str, bought: float, booked: float) -> Difference:
    apart = share(abs(bought - booked), max(bought, booked))
    return Difference(apart, f"{what}: {bought:,} in the events, {booked:,} in the books ({apart:.1%} apart)")
