"""From events to weighted user-item pairs, and to what the server remembers of a person.

An event's weight is that of its type, times its value for types that the document scales, halved for every half-life
that has passed since. Pairs do not depend on the order of the events, down to the last bit.
"""

from datetime import datetime

import numpy as np
import polars as pl

from data_contracts.documents import Interactions
from data_contracts.tables import INTERACTIONS
from recsys_pipelines.contract import schema
from recsys_pipelines.identity import persons

DAY_US = 86_400_000_000


def interactions(
    events: pl.DataFrame, settings: Interactions, *, now: datetime, catalog: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Pairs (columns of ``tables.INTERACTIONS``) of the given events, by user and item; ages count up to ``now``.

    With a ``catalog`` (item_id; category for half-lives by category) only its items count. Events without a person or
    an item, below their type's minimum value, or of a type that weighs nothing, do not count.
    """
    known = persons(events.select("ts", "type", "user_id", "anonymous_id", "item_id", "value"))
    counted = known.lazy().filter(*_counts(settings))
    weighted = _with_half_life(counted, settings, catalog).with_columns(weight=_weight(settings) * _decay(now))
    return _pairs(weighted.filter(pl.col("weight") > 0).sort("user_id", "item_id", "weight").collect())


def seen(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """For each event type that occurs, when every pair last had one (user_id, item_id, score: days since 1970)."""
    day = pl.col("ts").max().dt.epoch("us") / DAY_US
    known = persons(events.select("type", "ts", "user_id", "anonymous_id", "item_id"))
    by_type = known.drop_nulls(["user_id", "item_id"]).partition_by("type", as_dict=True, include_key=False)
    return {
        str(type): by_type[type,].group_by("user_id", "item_id").agg(score=day).sort("user_id", "item_id")
        for (type,) in sorted(by_type)
    }


def history(pairs: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Each person's ``limit`` weightiest pairs (user_id, item_id, score: the weight), ties by item."""
    ranked = pairs.sort("user_id", "weight", "item_id", descending=[False, True, False])
    newest = ranked.filter(pl.int_range(pl.len()).over("user_id") < limit)
    return newest.select("user_id", "item_id", score="weight")


def _pairs(events: pl.DataFrame) -> pl.DataFrame:
    """One row per run of equal pairs. Summed here and not by ``group_by``, which adds in the order of its threads."""
    is_first = pl.any_horizontal(pl.col("user_id", "item_id").ne_missing(pl.col("user_id", "item_id").shift()))
    starts = events.select(is_first.arg_true()).to_series().to_numpy()
    if not starts.size:
        return pl.DataFrame(schema=schema(INTERACTIONS))
    pairs = (
        events[starts]
        .select("user_id", "item_id")
        .with_columns(
            weight=np.add.reduceat(events["weight"].to_numpy(), starts),
            last_ts=np.maximum.reduceat(events["ts"].dt.epoch("us").to_numpy(), starts),
            count=np.diff(starts, append=events.height),
        )
    )
    return pairs.cast(schema(INTERACTIONS))


def _counts(settings: Interactions) -> list[pl.Expr]:
    known = pl.col("user_id").is_not_null() & pl.col("item_id").is_not_null()
    reached = [
        (pl.col("type") != type) | (pl.col("value") >= least).fill_null(value=False)
        for type, least in sorted(settings.minimum_value.items())
    ]
    return [known, *reached]


def _weight(settings: Interactions) -> pl.Expr:
    types = {name: float(getattr(settings.weights, name)) for name in settings.weights.__struct_fields__}
    base = pl.col("type").replace_strict(types, return_dtype=pl.Float64)
    scaled = pl.col("type").is_in(settings.scaled_by_value)
    return base * pl.when(scaled).then(pl.col("value").fill_null(1.0)).otherwise(1.0)


def _with_half_life(events: pl.LazyFrame, settings: Interactions, catalog: pl.DataFrame | None) -> pl.LazyFrame:
    """Events on items of the catalog with ``half_life`` in days: of the item's category, else common, null for none."""
    common = pl.lit(settings.half_life_days, pl.Float64)
    if catalog is None:
        return events.with_columns(half_life=common)
    own, by_category = pl.lit(None, pl.Float64), {k: float(v) for k, v in settings.half_life_by_category.items()}
    if by_category:
        own = pl.col("category").replace_strict(by_category, default=None, return_dtype=pl.Float64)
    return events.join(catalog.lazy().select("item_id", half_life=pl.coalesce(own, common)), on="item_id")


def _decay(now: datetime) -> pl.Expr:
    """What is left of a weight; an event of a clock that runs ahead is as good as one of now."""
    age = (pl.lit(now) - pl.col("ts")).dt.total_microseconds().clip(lower_bound=0) / DAY_US
    return (0.5 ** (age / pl.col("half_life"))).fill_null(1.0)
