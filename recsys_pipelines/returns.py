"""Which purchases came back: by events that say so, and by orders that were cancelled.

An event says so in its ``meta``, as the tenant document declares (`policies.Returns`). One that names an order is about
the purchases of its item in that order, or about the whole order if it names no item; one that names none is about the
newest purchase of its item before it by the same person, which is whom both events name, user or else anonymous id.
"""

from collections.abc import Sequence

import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.policies import Returns

PERSON = pl.coalesce("user_id", "anonymous_id").alias("person")
_LINE = ["order_id", "item_id"]
_PAIR = ["person", "item_id"]


def is_return(returns: Returns) -> pl.Expr:
    """Whether an event (type, meta) says that a purchase came back."""
    own = pl.when(pl.col("type") == "custom").then("meta")  # so that no other event's JSON is read
    return own.str.json_path_match(f"$.{returns.field}").is_in(returns.values).fill_null(value=False)


def interest(document: TenantDocument) -> Sequence[pl.Expr]:
    """True for events that may be interest in an item: all but returns."""
    return () if document.returns is None else (~is_return(document.returns),)


def came_back(purchases: pl.DataFrame, returns: pl.DataFrame, cancelled: pl.Series) -> pl.Series:
    """For every purchase whether it did. Both frames have event_id, ts, item_id, order_id and person; ``cancelled`` are
    ids of orders.

    Several returns of what is one purchase are one; a return that fits no purchase counts nowhere.
    """
    whole = returns.filter(pl.col("item_id").is_null())["order_id"].drop_nulls()
    lines = returns.drop_nulls(_LINE).select(_LINE).unique().with_columns(by_line=True)
    newest = _newest(purchases, returns.filter(pl.col("order_id").is_null()).drop_nulls(_PAIR))
    found = purchases.join(lines, on=_LINE, how="left", maintain_order="left").select(
        bad=pl.col("by_line").fill_null(value=False)
        | pl.col("order_id").is_in(pl.concat([cancelled, whole]).implode()).fill_null(value=False)
        | pl.col("event_id").is_in(newest.implode())
    )
    return found["bad"]


def _newest(purchases: pl.DataFrame, returns: pl.DataFrame) -> pl.Series:
    """The purchase that each return is about; of several at one instant that of the greatest id."""
    bought = purchases.drop_nulls(_PAIR).select("ts", *_PAIR, purchase="event_id").sort("ts", "purchase")
    found = returns.sort("ts", "event_id").join_asof(
        bought, on="ts", by=_PAIR, strategy="backward", check_sortedness=False
    )
    return found["purchase"].drop_nulls()
