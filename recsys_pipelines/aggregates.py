"""Days of events as weighted pairs, so that a run aggregates only the days that are new or were made again.

What a day adds to a pair is a sum of decayed weights as of the day's end; as of any later moment it is that sum times
what is left of it, since decay is exponential. So a window of days is the sum of its days, each scaled. An aggregated
day depends on that day's events and on the settings, and on nothing that was aggregated before: whatever runs there
were, the same events give the same bits. They differ from those of `interactions` by rounding, 1 part in 10^12.

Ids stay as the events have them, for who is who is decided over the whole window. Time grows with the events of the
days that are made and with the pairs of all; memory with the pairs of the window.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import msgspec
import numpy as np
import polars as pl

from data_contracts.documents import Interactions
from data_contracts.manifest import canonical
from data_contracts.policies import Returns
from data_contracts.tables import INTERACTIONS
from recsys_pipelines.coding import SUBJECTS, Coded, coded
from recsys_pipelines.contract import schema
from recsys_pipelines.identity import Known
from recsys_pipelines.interactions import (
    TYPES,
    by_pair,
    counting,
    decayed,
    half_lives,
    last_us,
    named,
    sort_within,
    weights,
)
from recsys_pipelines.lake import Lake, Stored
from recsys_pipelines.returns import is_return
from recsys_pipelines.settlement import Day, read_settled

TABLE = "day_pairs"
KEYS = (*SUBJECTS, "item_id")
SCHEMA: dict[str, pl.DataType] = {
    **dict.fromkeys(KEYS, pl.String()),
    "weight": pl.Float64(),
    "half_life": pl.Float64(),
    "end": pl.Datetime("us", "UTC"),
    "last_ts": pl.Datetime("us", "UTC"),
    "count": pl.Int64(),
}


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What an aggregated day was made from."""

    day: Day | None  # None: to be made again
    settings: str


@dataclass(frozen=True)
class Aggregates:
    """The aggregated days of one tenant, with these settings and this catalog (item_id, category); ``returns`` are left
    out."""

    lake: Lake
    tenant: str
    settings: Interactions
    catalog: pl.DataFrame
    returns: Returns | None = None

    def fresh(self, days: Iterable[date]) -> Iterator[date]:
        """Make those of the days that are not there as they should be; the days that were made."""
        settled, digest = read_settled(self.lake, self.tenant), self.digest
        for day in days:
            wanted = Made(day=settled.get(day), settings=digest)
            if wanted.day is None or self.lake.read_json(TABLE, self.tenant, day, Made) != wanted:
                self._make(day)
                self.lake.write_json(TABLE, self.tenant, day, wanted)
                yield day

    def pairs(self, days: Iterable[date], *, now: datetime, known: Known) -> pl.DataFrame:
        """The pairs (columns of ``tables.INTERACTIONS``) of these days, by user and item, as of ``now``."""
        items = self.catalog["item_id"].unique().sort()
        parts = [pl.LazyFrame(schema=SCHEMA)]
        parts += [self.lake.scan_parts([Stored(TABLE, day, "part")], self.tenant) for day in days]

        def measure(some: pl.DataFrame) -> pl.DataFrame:
            left = pl.col("weight") * decayed(now, pl.col("end"))
            return some.select("subject", "item", "count", ts="last_ts", weight=left).filter(pl.col("weight") > 0)

        return _merged(coded(parts, items, ("weight", "half_life", "end", "last_ts", "count"), measure, known=known))

    @property
    def digest(self) -> str:
        """Of all that a day's sums depend on but for its events."""
        categories, rows = sorted(self.settings.half_life_by_category), []
        if categories:
            special = self.catalog.filter(pl.col("category").is_in(categories))
            rows = special.select("item_id", "category").unique().sort("item_id", "category").rows()
        left_out = canonical(self.returns) if self.returns else b""
        return hashlib.sha256(canonical(self.settings) + msgspec.json.encode(rows) + left_out).hexdigest()

    def _make(self, day: date) -> None:
        events = self.lake.scan_parts([Stored("events", day, "part")], self.tenant)
        events = events.filter(~is_return(self.returns)) if self.returns else events
        self.lake.write(TABLE, self.tenant, day, self._aggregated(events, _end(day)))

    def _aggregated(self, events: pl.LazyFrame, end: datetime) -> pl.DataFrame:
        """One row for each pair of a subject and an item, and one without an item for each pair of ids of a subject."""
        number = pl.col("type").replace_strict({name: place for place, name in enumerate(TYPES)}, return_dtype=pl.Int64)
        rows = events.select(*KEYS, "ts", "value", type=number).collect()
        counted = rows.filter(
            *counting(self.settings), pl.col("item_id").is_not_null(), pl.any_horizontal(pl.col(SUBJECTS).is_not_null())
        )
        items = counted["item_id"].unique().sort()
        known = items.to_frame().join(self.catalog, on="item_id", how="left", maintain_order="left")
        own = pl.DataFrame({"item_id": items, "half_life": half_lives(items, self.settings, known)})
        timed = counted.join(own, on="item_id", how="left", maintain_order="left")
        weighed = timed.with_columns(weight=weights(self.settings) * decayed(end, pl.col("ts")))
        return pl.concat([_summed(weighed.filter(pl.col("weight") > 0), end), _linked(rows, end)])


def drop(lake: Lake, tenant: str) -> None:
    """Make every day due, as after a loss."""
    for stored in list(lake.parts(TABLE, tenant)):
        lake.write_json(TABLE, tenant, stored.day, Made(day=None, settings=""))


def _end(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def _linked(rows: pl.DataFrame, end: datetime) -> pl.DataFrame:
    """Which ids were seen together, also by events that weigh nothing: it says who is who."""
    pairs = rows.select(SUBJECTS).drop_nulls().unique().sort(SUBJECTS)
    fixed = {"item_id": None, "weight": 0.0, "half_life": None, "end": end, "last_ts": end, "count": 0}
    return pairs.select(*SUBJECTS, **{name: pl.lit(value) for name, value in fixed.items()}).cast(SCHEMA)  # type: ignore[arg-type]


def _summed(rows: pl.DataFrame, end: datetime) -> pl.DataFrame:
    """Summed by hand, in one order, for ``group_by`` adds in the order of its threads."""
    if rows.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    ordered = rows.sort(*KEYS, "weight", "ts")
    starts = np.flatnonzero(ordered.select(new=pl.struct(KEYS).rle_id().diff().fill_null(1) != 0)["new"].to_numpy())
    ts = ordered["ts"].dt.timestamp("us").to_numpy()
    first = ordered.select(*KEYS, "half_life")[starts.tolist()]
    return first.with_columns(
        weight=np.add.reduceat(ordered["weight"].to_numpy(), starts),
        end=pl.lit(end, pl.Datetime("us", "UTC")),
        last_ts=pl.Series(np.maximum.reduceat(ts, starts)).cast(pl.Datetime("us", "UTC")),
        count=np.diff(starts, append=len(ordered)),
    ).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())


def _merged(found: Coded) -> pl.DataFrame:
    runs = by_pair(found)
    if not runs.starts.size:
        return pl.DataFrame(schema=schema(INTERACTIONS))
    weight = found.events["weight"].to_numpy()[runs.order]
    sort_within(weight, runs.starts)
    count = found.events["count"].to_numpy()[runs.order]
    pairs = named(found, runs).with_columns(
        weight=np.add.reduceat(weight, runs.starts),
        last_ts=last_us(found, runs),
        count=np.add.reduceat(count, runs.starts),
    )
    return pairs.cast(schema(INTERACTIONS))
