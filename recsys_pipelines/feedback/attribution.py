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
_KEY = ["request_id", "item_id"]
_PERSON = ["user_id", "item_id"]
_CREDIT = ["method", "request_id", "touch_id", *PLACE]


def attributions(
    exposures: pl.DataFrame, events: pl.DataFrame, settings: Attribution, *, since: datetime | None = None
) -> pl.DataFrame:
    """Every outcome among the events from ``since`` on (columns of ``ATTRIBUTIONS``), by time and event id.

    ``exposures`` has a row per (request_id, item_id); ``events`` have the person as ``user_id``. Both should reach back
    one window before ``since``.
    """
    places = exposures.lazy().select(*_KEY, pl.col("ts").alias("exposed_at"), *PLACE[1:])
    found = events.lazy().filter(pl.col("item_id").is_not_null())
    outcomes = _outcomes(found, since)
    credited = [
        _by_request(outcomes.filter(pl.col("request_id").is_not_null()), places),
        _by_touch(outcomes.filter(pl.col("request_id").is_null()), _touched(found, places, settings)),
    ]
    window = timedelta(hours=settings.window_hours)
    in_time = pl.col("ts") <= pl.col("exposed_at") + window
    rows = pl.concat(credited).with_columns(pl.when(in_time).then(pl.col(name)).alias(name) for name in _CREDIT)
    wanted = rows.select(pl.col(name).cast(dtype) for name, dtype in schema(ATTRIBUTIONS).items())
    return wanted.sort("ts", "event_id").collect()


def _outcomes(events: pl.LazyFrame, since: datetime | None) -> pl.LazyFrame:
    new = events if since is None else events.filter(pl.col("ts") >= since)
    outcomes = new.filter(pl.col("type").is_in(OUTCOMES))
    return outcomes.select("event_id", "ts", "type", *_PERSON, "request_id", "amount_minor")


def _touched(events: pl.LazyFrame, places: pl.LazyFrame, settings: Attribution) -> pl.LazyFrame:
    """The places that people touched, in the order in which they did."""
    touches = events.filter(
        pl.col("type").is_in(settings.touches), pl.col("request_id").is_not_null(), pl.col("user_id").is_not_null()
    ).select("ts", *_PERSON, "request_id", touch_id="event_id")
    return touches.join(places, on=_KEY).sort("ts", "touch_id")


def _by_request(outcomes: pl.LazyFrame, places: pl.LazyFrame) -> pl.LazyFrame:
    joined = outcomes.join(places, on=_KEY, how="left")
    return _shaped(joined.with_columns(method=pl.lit("request"), touch_id=pl.col("event_id")))


def _by_touch(outcomes: pl.LazyFrame, touched: pl.LazyFrame) -> pl.LazyFrame:
    """Of touches at one instant the join takes the last, which is that of the greatest id."""
    joined = outcomes.drop("request_id").sort("ts").join_asof(
        touched, on="ts", by=_PERSON, strategy="backward", check_sortedness=False
    )  # fmt: skip
    return _shaped(joined.with_columns(method=pl.lit("touch")))


def _shaped(joined: pl.LazyFrame) -> pl.LazyFrame:
    return joined.select("event_id", "ts", "type", *_PERSON, "amount_minor", *_CREDIT)
