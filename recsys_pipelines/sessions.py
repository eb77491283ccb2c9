"""What was done together: events grouped by person, by visit or by order, as steps in the order of time.

Events are read day by day, and only the columns needed; about 40 bytes of each are held, and the ids of persons, visits
and orders. A column that the events do not have is empty. Neither the order of rows nor the days they stand in matter.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.coding import NOBODY, SUBJECTS, People, Places, in_turn, met, subjects
from recsys_pipelines.matrix import NEGLIGIBLE, Matrix, decay

Basket = Literal["user", "session", "order"]
EventType = Literal["view", "click", "add", "purchase", "custom"]
Indices = npt.NDArray[np.int64]

GAP_MINUTES = 30.0
MINUTE_US = 60_000_000
_TEXTS = (*SUBJECTS, "session_id", "order_id", "item_id")


class Steps(NamedTuple):
    """``rows`` (basket, item, person: numbers; ts) are by basket, ts, item. An item is a place in ``items``, the ids of
    the catalog in order, a person one in ``persons`` or -1, and the baskets are numbered from 0.
    """

    items: pl.Series
    persons: pl.Series
    rows: pl.DataFrame


def steps(
    data: TrainingData, basket: Basket, *, types: Iterable[EventType] = (), gap_minutes: float = GAP_MINUTES
) -> Steps:
    """The events of these types (none named: of all) on items of the catalog, each in its basket.

    A visit is a session id of one person; events without such an id make visits that end where the person does nothing
    for longer than ``gap_minutes``. An order is an order id, and for events without one the visit. Who an anonymous id
    is say all events, of whatever type, and what is known beside them. What has no basket is left out.
    """
    items = data.catalog["item_id"].unique().sort()
    ids, events = _by_person(data, items, tuple(types))
    number = _person(events) if basket == "user" else _visit(events, len(ids), gap_minutes)
    if basket == "order":
        order = _places(events["order_id"])
        number = np.where(order == NOBODY, number, -2 - order)  # below all others
    rows = events.select("item", "person", "ts", basket=number).filter(pl.col("basket") != NOBODY)
    rows = rows.sort("basket", "ts", "item", "person")
    return Steps(items, ids, rows.with_columns(basket=pl.col("basket").rle_id().cast(pl.Int64)))


def basket_cells(found: Steps, now: datetime, half_life_days: float | None = None) -> Any:
    """Baskets in rows, all items of the catalog in columns (CSR): 1 for what is in, halved for every
    ``half_life_days`` since it last was put there; weights that are `NEGLIGIBLE` are none.
    """
    newest = found.rows.group_by("basket", "item").agg(last_ts=pl.col("ts").max()).sort("basket", "item")
    weighed = newest.select("basket", "item", weight=pl.lit(1.0) * decay(now, half_life_days))
    kept = weighed.filter(pl.col("weight") > NEGLIGIBLE)
    places = (kept["basket"].to_numpy(), kept["item"].to_numpy())
    baskets = int(found.rows["basket"].to_numpy().max(initial=-1)) + 1
    return sparse.csr_array((kept["weight"].to_numpy(), places), shape=(baskets, len(found.items)))


def basket_items(found: Steps, now: datetime, half_life_days: float | None = None) -> Matrix:
    """The same without the baskets (``users`` has the numbers of the others) and the items that have nothing."""
    cells = basket_cells(found, now, half_life_days)
    baskets, items = np.flatnonzero(np.diff(cells.indptr)), np.unique(cells.indices)
    return Matrix(pl.Series(baskets), found.items.gather(items), cells[baskets][:, items])


def _by_person(data: TrainingData, items: pl.Series, types: tuple[str, ...]) -> tuple[pl.Series, pl.DataFrame]:
    """The ids of all persons in order, and the events of these types on ``items``: ts, item and person (places, -1
    where nobody is known), and the ids of visits and orders as categories."""
    place_of = Places(items)

    def read(day: pl.LazyFrame) -> tuple[Indices, pl.DataFrame]:
        wanted = day.filter(pl.col("type").is_in(types)) if types else day
        rows = _categories(wanted, "ts", *_TEXTS)
        numbered = rows.with_columns(item=place_of(rows["item_id"]), subject=subjects(rows)).drop("item_id", *SUBJECTS)
        kept = numbered.filter(pl.col("item") != NOBODY).cast({"item": pl.Int32, "subject": pl.Int32})
        return met(_categories(day, *SUBJECTS) if types else rows), kept

    none = pl.LazyFrame(schema={"ts": pl.Datetime("us", "UTC"), "type": pl.String})
    pairs, parts = zip(*in_turn(read, [none, *data.events]), strict=True)
    people, events = People.of(pairs, data.known), pl.concat(parts)
    return people.ids, events.with_columns(person=people(events["subject"])).drop("subject")


def _categories(day: pl.LazyFrame, *names: str) -> pl.DataFrame:
    """These columns, texts as categories; one that is not there is empty."""
    there = day.collect_schema().names()
    columns = [pl.col(name) if name in there else pl.lit(None, pl.String).alias(name) for name in names]
    return day.select(columns).collect().cast({pl.String: pl.Categorical})


def _visit(events: pl.DataFrame, people: int, gap_minutes: float) -> Indices:
    """A number for each visit, by session id and person, then by person and time; -1 for what belongs to none."""
    session, person = _places(events["session_id"]), _person(events)
    visit: Indices = np.where(session == NOBODY, NOBODY, session * (people + 1) + person + 1)
    loose = np.flatnonzero((session == NOBODY) & (person != NOBODY))
    times = events["ts"].to_physical().to_numpy()[loose]
    order = np.lexsort((times, person[loose]))
    pause = np.diff(times[order], prepend=0) > gap_minutes * MINUTE_US
    changed = np.diff(person[loose][order], prepend=NOBODY) != 0
    visit[loose[order]] = visit.max(initial=0) + np.cumsum(pause | changed)
    return visit


def _person(events: pl.DataFrame) -> Indices:
    numbers: Indices = events["person"].to_numpy()
    return numbers


def _places(words: pl.Series) -> Indices:
    """The place of each id among those that occur, in their order, -1 for null."""
    return Places(words.drop_nulls().unique().cast(pl.String).sort())(words)
