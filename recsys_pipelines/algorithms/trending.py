"""Trending: what is wanted more than usual, by how surprising that is.

Time grows with the events of the last ``baseline_days`` and the windows, and a little with the others, since any of
them may say who is who; memory grows with those of one day, with the ids of persons and with the items.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.coding import NOBODY, SUBJECTS, People, Places, in_turn, met, subjects
from recsys_pipelines.listing import by_category, for_everybody, ranked

DAY_US = 86_400_000_000
SHORTEST_BASELINE = 1.0  # day: of less, the time of day would pass for a trend

Days = Annotated[float, msgspec.Meta(gt=0)]
Vector = npt.NDArray[np.float64]


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one event of a type is worth when it happens, how fast that halves, and after how long it is gone."""

    weight: Annotated[float, msgspec.Meta(gt=0)]
    half_life_days: Days
    window_days: Days

    def left(self, age_days: Vector) -> Vector:
        """The weight of events of these ages."""
        decayed: Vector = self.weight * 0.5 ** (age_days / self.half_life_days)
        return np.where(age_days <= self.window_days, decayed, 0.0)

    def mean(self) -> float:
        """What one event a day adds up to: the integral of ``left``, over all ages."""
        return self._integral(1)

    def variance(self) -> float:
        """The variance of that sum if events come at random (Campbell's theorem): the integral of ``left`` squared."""
        return self._integral(2)

    def _integral(self, power: int) -> float:
        rate = power * np.log(2) / self.half_life_days
        return float(self.weight**power * -np.expm1(-rate * self.window_days) / rate)


class Paces(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The pace of each type of event; one of None does not count. Weights are those that interactions have."""

    view: Pace | None = Pace(weight=0.05, half_life_days=1.0, window_days=7.0)
    click: Pace | None = Pace(weight=0.2, half_life_days=1.0, window_days=7.0)
    add: Pace | None = Pace(weight=0.7, half_life_days=2.0, window_days=7.0)
    purchase: Pace | None = Pace(weight=1.0, half_life_days=3.0, window_days=14.0)
    custom: Pace | None = None

    def by_type(self) -> dict[str, Pace]:
        """The paces of the types that count."""
        return {name: pace for name in self.__struct_fields__ if (pace := getattr(self, name)) is not None}


class Trending(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One list for everybody and one per category (segment ``category:audio``) of what is growing.

    An event of a type weighs what ``paces`` says, halved every half-life, and nothing after its window. The sum is
    compared with what the item's own usual rate would add up to, in standard deviations of events that come at random
    (a Poisson process): z = (recent - expected) / deviation, as in Hendrickson, Kolb, Lehman & Montague, *Trend
    Detection in Social Data* (2015). The usual rate is counted over the ``baseline_days`` before the longest window;
    the uncertainty of that count is part of the deviation. ``smoothing`` adds so many events per baseline to it, so
    that one visit to an item that nobody knows is no trend. Only what grows (z > 0) is listed. A person counts once a
    day per item and type, so that nobody makes a trend alone.

    With ``compare`` "nothing", or where the data begin less than a day before the longest window, the score is the
    decayed sum alone: what is popular lately.
    """

    limit: Annotated[int, msgspec.Meta(ge=1)] = 500
    paces: Paces = Paces()
    baseline_days: Days = 28.0
    smoothing: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    compare: Literal["baseline", "nothing"] = "baseline"
    per_category: bool = True

    name: ClassVar[str] = "trending"
    shape: ClassVar[Shape] = "item_scores"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The lists, each by score descending, then item id; none where nothing grows."""
        paces = self.paces.by_type()
        spans = _spans(data, max((pace.window_days for pace in paces.values()), default=0.0), self.baseline_days)
        counts = _counted(data, paces, spans)
        scores = pl.DataFrame({"item_id": counts.items, "score": self._scores(counts, paces, spans)})
        everybody = for_everybody(scores.filter(pl.col("score") > 0))
        lists = [everybody, by_category(everybody, data.catalog)] if self.per_category else [everybody]
        return ranked(pl.concat(lists), self.limit)

    def _scores(self, counts: "Counts", paces: dict[str, Pace], spans: "Spans") -> Vector:
        days = spans.baseline_days
        if self.compare == "nothing" or days < SHORTEST_BASELINE:
            return counts.recent
        expected, variance = np.zeros_like(counts.recent), np.zeros_like(counts.recent)
        for type, pace in paces.items():
            rate = counts.before[type] / days + self.smoothing / self.baseline_days
            expected += rate * pace.mean()
            variance += rate * (pace.variance() + pace.mean() ** 2 / days)
        z: Vector = (counts.recent - expected) / np.sqrt(variance)
        return z


class Spans(NamedTuple):
    """When the baseline begins and when it ends, which is where the longest window begins."""

    begin: datetime
    end: datetime

    @property
    def baseline_days(self) -> float:
        """How long the baseline is: less than wanted where the data begin later, perhaps nothing."""
        return max((self.end - self.begin) / timedelta(days=1), 0.0)


class Counts(NamedTuple):
    """For each item of the catalog, by id: the decayed weight of its recent events, and for each type how many events
    its baseline holds."""

    items: pl.Series
    recent: Vector
    before: dict[str, Vector]


def _spans(data: TrainingData, window_days: float, baseline_days: float) -> Spans:
    end = data.now - timedelta(days=window_days)
    begin = end - timedelta(days=baseline_days)
    first = next((ts for day in data.events if (ts := day.select(pl.col("ts").min()).collect().item())), data.now)
    return Spans(max(begin, first), end)


def _counted(data: TrainingData, paces: dict[str, Pace], spans: Spans) -> Counts:
    items = data.catalog["item_id"].unique().sort()
    recent = np.zeros(len(items))
    before = {type: np.zeros(len(items)) for type in paces}
    for events in _days(data, items, spans.begin):
        for type, pace in paces.items():
            of_type = events.filter(pl.col("type") == type)
            is_before = (of_type["ts"] < spans.end).to_numpy()
            place, age = of_type["item"].to_numpy(), of_type["age_days"].to_numpy()
            recent += np.bincount(place, pace.left(age), len(items))
            before[type] += np.bincount(place[is_before], minlength=len(items))
    return Counts(items, recent, before)


def _days(data: TrainingData, items: pl.Series, begin: datetime) -> Iterator[pl.DataFrame]:
    """Day by day what each person (an event without one is a person's own) did with an item, the newest of each type;
    in an order that does not depend on that of the events."""
    place_of = Places(items)  # holds the numbers of all ids from one reading of the events to the other
    people = People.of(in_turn(_met, data.events), data.known)
    age_us = (pl.lit(data.now) - pl.col("ts")).dt.total_microseconds().clip(lower_bound=0)
    for day in data.events:
        chosen = day.filter(pl.col("ts") >= begin).select("ts", "type", "item_id", *SUBJECTS).collect()
        rows = chosen.cast({"item_id": pl.Categorical, **dict.fromkeys(SUBJECTS, pl.Categorical)})
        person = people(pl.Series(subjects(rows)))
        own = np.where(person == NOBODY, -2 - np.arange(len(person)), person)
        placed = rows.select("ts", "type", item=place_of(rows["item_id"]), person=own).filter(pl.col("item") != NOBODY)
        newest = placed.group_by("person", "item", "type").agg(pl.col("ts").max())
        yield newest.with_columns(age_days=age_us / DAY_US).sort("item", "type", "ts")


def _met(day: pl.LazyFrame) -> npt.NDArray[np.int64]:
    return met(day.select(SUBJECTS).collect().cast(pl.Categorical))


ALGORITHM = Trending
