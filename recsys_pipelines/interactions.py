"""From events to weighted user-item pairs, and to what the server remembers of a person.

An event's weight is that of its type, times its value for types that the document scales, halved for every half-life
that has passed since. Pairs do not depend on the order of the events, nor on how many threads there are, down to the
last bit. Events are a frame, or parts of one that are read in turn (`Lake.daily`): time grows with the
events (a little more, for one sort), memory by about 60 bytes for each.
"""

from datetime import datetime
from itertools import chain

import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.documents import Interactions
from data_contracts.tables import EVENTS, INTERACTIONS
from recsys_pipelines.coding import Coded, Parts, Places, Runs, coded, in_turn, runs
from recsys_pipelines.contract import schema
from recsys_pipelines.identity import NOTHING, Known

TYPES = EVENTS.column("type").one_of
DAY_US = 86_400_000_000
SHORT = 12  # runs of up to so many events are sorted by the thousand, longer ones one by one


def interactions(
    events: pl.DataFrame | Parts,
    settings: Interactions,
    *,
    now: datetime,
    catalog: pl.DataFrame | None = None,
    known: Known = NOTHING,
) -> pl.DataFrame:
    """Pairs (columns of ``tables.INTERACTIONS``) of the given events, by user and item; ages count up to ``now``.

    With a ``catalog`` (item_id; category for half-lives by category) only its items count. Events without a person or
    an item, below their type's minimum value, or of a type that weighs nothing, do not count.
    """
    items = _items(events) if catalog is None else catalog["item_id"].unique().sort()
    half_life, types = half_lives(items, settings, catalog), Places(pl.Series(TYPES))
    weight = weights(settings) * decayed(now, pl.col("ts"))

    def measure(some: pl.DataFrame) -> pl.DataFrame:
        counted = some.with_columns(type=types(some["type"])).filter(*counting(settings))
        timed = counted.with_columns(half_life=pl.lit(half_life).gather("item"))
        return timed.select("subject", "item", "ts", weight=weight).filter(pl.col("weight") > 0)

    return _pairs(coded(_parts(events), items, ("ts", "type", "value"), measure, known=known))


def seen(
    events: pl.DataFrame | Parts, *, catalog: pl.DataFrame | None = None, known: Known = NOTHING
) -> dict[str, pl.DataFrame]:
    """For each event type that occurs, when every pair last had one (user_id, item_id, score: days since 1970).

    With a ``catalog`` only its items.
    """
    items = _items(events) if catalog is None else catalog["item_id"].unique().sort()
    found = coded(_parts(events), items, ("ts", "type"), lambda some: some, known=known)
    by_type = found.events.partition_by("type", as_dict=True, include_key=False)
    return {type: _newest(found._replace(events=by_type[type,])) for (type,) in sorted(by_type)}


def history(pairs: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Each person's ``limit`` weightiest pairs (user_id, item_id, score: the weight), ties by item."""
    ranked = pairs.sort("user_id", "weight", "item_id", descending=[False, True, False])
    newest = ranked.filter(pl.int_range(pl.len()).over("user_id") < limit)
    return newest.select("user_id", "item_id", score="weight")


def _parts(events: pl.DataFrame | Parts) -> Parts:
    """At least one; without rows where there are none."""
    none = pl.LazyFrame(schema=schema(EVENTS))
    return [events.lazy()] if isinstance(events, pl.DataFrame) else chain([none], events)


def _items(events: pl.DataFrame | Parts) -> pl.Series:
    """The ids of all items that occur, in order."""
    found = in_turn(lambda part: part.select(pl.col("item_id").unique()).collect().to_series(), _parts(events))
    items: pl.Series = pl.concat(list(found)).drop_nulls().unique().sort()
    return items


def _pairs(found: Coded) -> pl.DataFrame:
    """One row per pair. Summed here and not by ``group_by``, which adds in the order of its threads."""
    together = by_pair(found)
    if not together.starts.size:
        return pl.DataFrame(schema=schema(INTERACTIONS))
    weight = found.events["weight"].to_numpy()[together.order]
    sort_within(weight, together.starts)
    pairs = named(found, together).with_columns(
        weight=np.add.reduceat(weight, together.starts),
        last_ts=last_us(found, together),
        count=np.diff(together.starts, append=len(weight)),
    )
    return pairs.cast(schema(INTERACTIONS))


def _newest(found: Coded) -> pl.DataFrame:
    together = by_pair(found)
    return named(found, together).with_columns(score=last_us(found, together) / DAY_US)


def by_pair(found: Coded) -> Runs:
    """The events of each pair side by side."""
    person, item = (found.events[name].cast(pl.Int64).to_numpy() for name in ("person", "item"))
    return runs(person * len(found.items) + item)


def named(found: Coded, together: Runs) -> pl.DataFrame:
    """The user and the item of every pair."""
    user, item = np.divmod(together.keys, max(len(found.items), 1))
    return pl.DataFrame({"user_id": found.persons.gather(user), "item_id": found.items.gather(item)})


def last_us(found: Coded, together: Runs) -> npt.NDArray[np.int64]:
    """When each pair had its newest event, in microseconds since 1970."""
    times: npt.NDArray[np.int64] = found.events["ts"].to_physical().to_numpy()
    return np.maximum.reduceat(times[together.order], together.starts)


def sort_within(values: npt.NDArray[np.float64], starts: npt.NDArray[np.int64]) -> None:
    """Every run in ascending order, in place: then its sum is the same in whatever order its events came.

    Two numbers have the same sum in both orders.
    """
    lengths = np.diff(starts, append=len(values))
    for length in range(3, SHORT):
        rows = starts[lengths == length, None] + np.arange(length)
        values[rows] = np.sort(values[rows], axis=1)
    long = lengths >= SHORT
    for start, length in zip(starts[long], lengths[long], strict=True):
        values[start : start + length].sort()


def counting(settings: Interactions) -> list[pl.Expr]:
    """Whether an event counts: types by their places in ``TYPES``."""
    return [
        (pl.col("type") != TYPES.index(type)) | (pl.col("value") >= least).fill_null(value=False)
        for type, least in sorted(settings.minimum_value.items())
    ]


def weights(settings: Interactions) -> pl.Expr:
    """What an event is worth when it happens; types by their places in ``TYPES``."""
    of_types = pl.Series([float(getattr(settings.weights, name)) for name in TYPES])
    scaled = pl.col("type").is_in([TYPES.index(name) for name in settings.scaled_by_value])
    return pl.lit(of_types).gather("type") * pl.when(scaled).then(pl.col("value").fill_null(1.0)).otherwise(1.0)


def half_lives(items: pl.Series, settings: Interactions, catalog: pl.DataFrame | None) -> pl.Series:
    """In days, for each of the items: of its category, else common, null for none."""
    by_category = {name: float(days) for name, days in settings.half_life_by_category.items()}
    if catalog is None or not by_category:
        return pl.repeat(settings.half_life_days, len(items), dtype=pl.Float64, eager=True)
    own = pl.col("category").replace_strict(by_category, default=settings.half_life_days, return_dtype=pl.Float64)
    known = catalog.select("item_id", half_life=own).unique("item_id", keep="first", maintain_order=True)
    return known.sort("item_id").get_column("half_life")


def decayed(now: datetime, ts: pl.Expr) -> pl.Expr:
    """What is left now of a weight of ``ts``; a clock that runs ahead is as good as one of now."""
    age = (pl.lit(now) - ts).dt.total_microseconds().clip(lower_bound=0) / DAY_US
    return (0.5 ** (age / pl.col("half_life"))).fill_null(1.0)
