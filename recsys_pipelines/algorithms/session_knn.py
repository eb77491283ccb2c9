"""Session kNN: for each user, what visits like the latest one of the user went on to."""

from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec
import numpy as np
import polars as pl
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData, schema
from recsys_pipelines.kernel import Alone, Floats, Indices
from recsys_pipelines.matrix import decay
from recsys_pipelines.sessions import GAP_MINUTES, EventType, Steps, basket_cells, steps
from recsys_pipelines.similarity import Pairs, nearest, rule

NOT_THERE = -1
USERS = 16_384  # at a time


class SessionKnn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For each user ``limit`` items of the visits that are nearest to the user's latest one; ties go to the smaller id.

    A visit is as near as its cosine with the ``last`` items of the user's, of which the last one counts 1, the one
    before it a step less, down to 1 / ``last`` (V-SkNN: Jannach & Ludewig, RecSys 2017; Ludewig & Jannach, UMUAI 2018).
    The ``nearest`` visits give their items, each by that cosine, halved for every ``half_life_days`` since the visit;
    the items that were asked with are left out. Only the newest ``visits`` are looked at, all users' together.

    Limits: it is a batch, so "latest" is as of the training, and what a user does now counts from the next run; for an
    answer within a visit serve `transitions`, or `cooccurrence` with ``basket="session"``, which start from any item.
    Users without interactions have no rows. Visits are session ids of a person, or end after ``gap_minutes``. Time
    grows with the users times the visits that share an item with theirs, memory with the events and the result.
    ``threads`` 0 means one per core; their number does not change the result.
    """

    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    nearest: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    last: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    visits: Annotated[int, msgspec.Meta(ge=1)] = 50_000
    half_life_days: Annotated[float, msgspec.Meta(gt=0)] | None = None
    types: tuple[EventType, ...] = ()  # none: all
    gap_minutes: Annotated[float, msgspec.Meta(gt=0)] = GAP_MINUTES
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0

    name: ClassVar[str] = "session_knn"
    shape: ClassVar[Shape] = "user_items"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The items, by user, score descending, item."""
        found = steps(data, "session", types=self.types, gap_minutes=self.gap_minutes)
        asked, visits = self._asked(found, data.interactions), self._visits(found, data)
        tables = [self._table(asked.slice(start, USERS), visits, found) for start in range(0, asked.height, USERS)]
        return pl.concat([pl.DataFrame(schema=schema(self.shape)), *tables])

    def _asked(self, found: Steps, interactions: pl.DataFrame) -> pl.DataFrame:
        """The users with interactions, by id, with their latest visits (person, basket, items: the newest first)."""
        known = interactions.select(pl.col("user_id").unique())
        persons = found.persons.to_frame("user_id").with_row_index("person")
        wanted = persons.join(known, on="user_id", how="semi").select(pl.col("person").cast(pl.Int64))
        rows = found.rows.cast({"person": pl.Int64}).join(wanted, on="person", how="semi")
        latest = rows.sort("person", "ts", "basket").unique("person", keep="last", maintain_order=True)
        steps_of = rows.join(latest, on="basket", how="semi").sort(
            "person", "ts", "item", descending=[False, True, True]
        )
        newest = steps_of.unique(["person", "item"], keep="first", maintain_order=True)
        return newest.group_by("person", "basket", maintain_order=True).agg(pl.col("item").head(self.last))

    def _visits(self, found: Steps, data: TrainingData) -> "Visits":
        """The newest first, so that equally near ones go by time."""
        ends = found.rows.group_by("basket").agg(last_ts=pl.col("ts").max())
        newest = ends.sort("last_ts", "basket", descending=True).head(self.visits)
        left = newest.with_columns(left=pl.lit(1.0) * decay(data.now, self.half_life_days))["left"].to_numpy()
        return Visits(newest["basket"].to_numpy(), basket_cells(found, data.now)[newest["basket"].to_numpy()], left)

    def _table(self, asked: pl.DataFrame, visits: "Visits", found: Steps) -> pl.DataFrame:
        """What some users get."""
        queries = self._queries(asked, len(found.items))
        near = self._near(queries, visits, asked["basket"].to_numpy())
        scores = near.scores * visits.left[near.columns]
        shape = (asked.height, len(visits.baskets))
        trusted = sparse.csr_array((scores, (near.rows, near.columns)), shape=shape)
        nothing = Alone(np.ones(asked.height), np.ones(len(found.items)), np.full(asked.height, NOT_THERE))
        by, enough = rule("count", 1), self.limit + self.last
        items = nearest(trusted, visits.cells, nothing, by, limit=enough, threads=self.threads)
        best = _without(items, queries).head(self.limit)
        return pl.DataFrame(
            {
                "user_id": found.persons.gather(asked["person"].gather(best.rows)),
                "item_id": found.items.gather(best.columns),
                "score": best.scores,
            },
            schema=schema(self.shape),
        )

    def _queries(self, asked: pl.DataFrame, items: int) -> Any:
        """Users in rows, items in columns: 1 for the last one, a step less for each before it."""
        steps_of = asked.select("item").with_row_index("row").explode("item")
        place = steps_of.select(pl.int_range(pl.len()).over("row")).to_series().to_numpy()
        cells = (1 - place / self.last, (steps_of["row"].to_numpy(), steps_of["item"].to_numpy()))
        return sparse.csr_array(cells, shape=(asked.height, items))

    def _near(self, queries: Any, visits: "Visits", own: Indices) -> Pairs:
        """The visits next to each query, but its own."""
        places = np.full(max(visits.baskets.max(initial=0), own.max(initial=0)) + 1, NOT_THERE)
        places[visits.baskets] = np.arange(len(visits.baskets))
        lengths = Alone((queries * queries).sum(axis=1), visits.cells.sum(axis=1), places[own])
        by = rule("cosine", queries.shape[1])
        return nearest(queries, visits.cells.T.tocsr(), lengths, by, limit=self.nearest, threads=self.threads)


class Visits(NamedTuple):
    """Those that are looked at: their numbers, what was in them (CSR, by item), and what time has left of each."""

    baskets: Indices
    cells: Any
    left: Floats


def _without(pairs: Pairs, cells: Any) -> Pairs:
    """The pairs that are no cells."""
    asked = cells.tocoo()
    taken = np.isin(
        pairs.rows * cells.shape[1] + pairs.columns, asked.row.astype(np.int64) * cells.shape[1] + asked.col
    )
    return pairs.where(~taken)


ALGORITHM = SessionKnn
