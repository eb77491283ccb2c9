"""Events become interactions: weighted user-item pairs, decayed by age, over the events that were given.

An event counts with the weight of its type, times its value where the tenant says so, times
``2 ** (-age / half_life)``. Events of visitors whom nobody knows, and those without an item, are nobody's interaction.
"""

from datetime import datetime

import msgspec
import polars as pl

from data_contracts.documents import Interactions
from recsys_pipelines.identity import resolved

DAY_US = 86_400_000_000


def interactions(
    events: pl.DataFrame, settings: Interactions, *, now: datetime, catalog: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The pairs (columns of ``tables.INTERACTIONS``), by user and item; ages count from ``now`` (aware).

    Only items of ``catalog`` (item_id) count, if it is given. A pair whose weights sum to 0 is left out.
    """
    weighed = counted(resolved(events), settings).with_columns(weight=pl.col("weight") * decay(settings, now))
    if catalog is not None:
        weighed = weighed.join(catalog.select("item_id"), on="item_id", how="semi")
    # The order within a pair decides the last bits of its sum.
    ordered = weighed.sort("user_id", "item_id", "ts", "event_id")
    pairs = ordered.group_by("user_id", "item_id", maintain_order=True).agg(
        weight=pl.col("weight").sum(), last_ts=pl.col("ts").max(), count=pl.len().cast(pl.Int64)
    )
    return pairs.filter(pl.col("weight") > 0)


def counted(events: pl.DataFrame, settings: Interactions) -> pl.DataFrame:
    """The events that are somebody's interaction with an item, with the ``weight`` of each before decay."""
    somebody = events.filter(pl.col("user_id").is_not_null() & pl.col("item_id").is_not_null())
    enough = somebody.filter(
        *(
            (pl.col("type") != kind) | (pl.col("value").fill_null(0.0) >= least)
            for kind, least in sorted(settings.minimum_value.items())
        )
    )
    weights = {kind: float(weight) for kind, weight in msgspec.structs.asdict(settings.weights).items()}
    base = pl.col("type").replace_strict(weights, default=0.0, return_dtype=pl.Float64)
    by_value = pl.col("type").is_in(list(settings.scaled_by_value))
    return enough.with_columns(weight=base * pl.when(by_value).then(pl.col("value").fill_null(1.0)).otherwise(1.0))


def decay(settings: Interactions, now: datetime) -> pl.Expr:
    """What is left of a weight at the age of its event: half after each half-life; the future does not add."""
    if settings.half_life_days is None:
        return pl.lit(1.0)
    age_days = (pl.lit(now) - pl.col("ts")).dt.total_microseconds().clip(lower_bound=0) / DAY_US
    return (-age_days / settings.half_life_days * 0.6931471805599453).exp()


def history(pairs: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Each user's ``limit`` strongest interactions (user_id, item_id, score = weight), strongest first."""
    strongest = pairs.sort("user_id", "weight", "item_id", descending=[False, True, False])
    kept = strongest.group_by("user_id", maintain_order=True).head(limit)
    return kept.select("user_id", "item_id", score="weight")


def seen(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """By event type, when a user last had such an event with an item (user_id, item_id, score = epoch day)."""
    known = resolved(events).filter(pl.col("user_id").is_not_null() & pl.col("item_id").is_not_null())
    last = known.group_by("type", "user_id", "item_id").agg(score=pl.col("ts").max().dt.epoch("us") / DAY_US)
    ordered = last.sort("type", "user_id", "item_id")
    return {str(kind): rows.drop("type") for (kind,), rows in ordered.group_by("type", maintain_order=True)}
