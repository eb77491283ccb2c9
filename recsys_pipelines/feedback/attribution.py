"""Which exposure an outcome is credited to: the answer that it names, or else the person's last touch on the item.

An outcome (click, add, purchase) that names an answer which held its item is credited to that place, if it happened
within the window after it; that it may lie before it by a client's slow clock is no matter, for the request id proves
the order. One that names no answer is credited to the place that the person last touched on the same item, at most at
the outcome's own time, by an event (of the types ``touches``) that does name one; the last touch alone decides, also
if its exposure is too old by then. Among touches of one instant the greatest event id counts. An outcome is one row,
credited once or, where neither holds, not at all.
"""

from datetime import datetime, timedelta

import polars as pl

from data_contracts.feedback_tables import ATTRIBUTIONS, OUTCOMES
from data_contracts.policies import Attribution
from recsys_pipelines.contract import schema

PLACE = ("exposed_at", "surface", "rank", "source", "generation", "experiment_id", "variant")
SHOWN = ("request_id", "item_id", "ts", *PLACE[1:])  # what is read of exposures
_KEY = ["request_id", "item_id"]
_PERSON = ["user_id", "item_id"]
_EVENT = ("event_id", "ts", "type", *_PERSON, "request_id", "amount_minor")
_CREDIT = ["method", "request_id", "touch_id", *PLACE]


def attributions(
    exposures: pl.DataFrame, events: pl.DataFrame, settings: Attribution, *, since: datetime | None = None
) -> pl.DataFrame:
    """Every outcome among the events from ``since`` on (columns of ``ATTRIBUTIONS``), by time and event id.

    ``exposures`` has a row per (request_id, item_id); ``events`` have the person as ``user_id``. Both should reach back
    one window before ``since``.
    """
    places = exposures.lazy().select(*_KEY, pl.col("ts").alias("exposed_at"), *PLACE[1:])
    found = events.lazy().filter(pl.col("item_id").is_not_null()).select(*_EVENT)
    is_new = True if since is None else pl.col("ts") >= since
    is_outcome = pl.col("type").is_in(OUTCOMES) & is_new
    is_touch = pl.col("type").is_in(settings.touches) & pl.col("user_id").is_not_null()
    named = found.filter(pl.col("request_id").is_not_null(), is_outcome | is_touch).join(places, on=_KEY, how="left")
    touched = named.filter(is_touch, pl.col("exposed_at").is_not_null())
    credited = [
        _shaped(named.filter(is_outcome), method="request", touch="event_id"),
        _by_touch(found.filter(pl.col("request_id").is_null(), is_outcome), touched),
    ]
    window = timedelta(hours=settings.window_hours)
    in_time = pl.col("ts") <= pl.col("exposed_at") + window
    rows = pl.concat(credited).with_columns(pl.when(in_time).then(pl.col(name)).alias(name) for name in _CREDIT)
    wanted = rows.select(pl.col(name).cast(dtype) for name, dtype in schema(ATTRIBUTIONS).items())
    return wanted.sort("ts", "event_id").collect()


def _by_touch(outcomes: pl.LazyFrame, touched: pl.LazyFrame) -> pl.LazyFrame:
    """Of touches at one instant the join takes the last, which is that of the greatest id."""
    touches = touched.select("ts", *_PERSON, "request_id", *PLACE, touch_id="event_id").sort("ts", "touch_id")
    wanted = touches.join(outcomes.select(_PERSON), on=_PERSON, how="semi", maintain_order="left")
    joined = outcomes.drop("request_id").sort("ts").join_asof(
        wanted, on="ts", by=_PERSON, strategy="backward", check_sortedness=False
    )  # fmt: skip
    return _shaped(joined, method="touch", touch="touch_id")


def _shaped(joined: pl.LazyFrame, *, method: str, touch: str) -> pl.LazyFrame:
    own = ("event_id", "ts", "type", *_PERSON, "amount_minor", "request_id", *PLACE)
    return joined.select(*own, pl.lit(method).alias("method"), pl.col(touch).alias("touch_id"))
