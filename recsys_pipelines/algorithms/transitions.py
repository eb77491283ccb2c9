"""Transitions: what comes next after an item in a visit."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import msgspec
import numpy as np
import polars as pl
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData, schema
from recsys_pipelines.kernel import Floats, Indices
from recsys_pipelines.matrix import NEGLIGIBLE, decay
from recsys_pipelines.sessions import GAP_MINUTES, EventType, Steps, basket_cells, steps
from recsys_pipelines.similarity import Pairs, neighbor_table
from recsys_pipelines.threads import crew
from recsys_pipelines.topk import best_of

NOTHING = -1
ROWS = 256  # items at a time
CELLS = 1 << 20  # of categories and items at a time: 8 MB


class Transitions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For each item the ``neighbors`` that most likely come next in a visit; ties go to the smaller id.

    A first-order Markov chain (Rendle, Freudenthaler & Schmidt-Thieme, WWW 2010, as the base of theirs): the share of
    the steps from an item that go to another one. ``reach`` also counts what comes later, at 1 / distance (the
    sequential rules of Ludewig & Jannach, UMUAI 2018). Where an item has few steps, it backs off: its counts are joined
    by ``trust`` more ones, spread as the shares of what was in the same visits in any order, which are joined likewise
    by those of its category's steps to categories and of what is popular there (interpolation with Dirichlet priors:
    MacKay & Peto, NLE 1995). So an item that nobody has seen yet has neighbours too, if its category has any.

    Visits are session ids, or end after a pause of ``gap_minutes``; what happened in the same microsecond is taken in
    the order of the ids. With ``half_life_days`` old steps count less. Time grows with the sum of the squares of what
    each visit has, and with categories x items; memory with the events. ``threads`` 0 means one per core; their number
    does not change the result.
    """

    neighbors: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50
    reach: Annotated[int, msgspec.Meta(ge=1, le=20)] = 1
    back_off: Literal["none", "visit", "category"] = "category"
    trust: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    types: tuple[EventType, ...] = ()  # none: all
    gap_minutes: Annotated[float, msgspec.Meta(gt=0)] = GAP_MINUTES
    half_life_days: Annotated[float, msgspec.Meta(gt=0)] | None = None
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0

    name: ClassVar[str] = "transitions"
    shape: ClassVar[Shape] = "item_neighbors"

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The neighbours, by item, score (a probability) descending, neighbour."""
        found = steps(data, "session", types=self.types, gap_minutes=self.gap_minutes)
        weighed = found.rows.with_columns(weight=pl.lit(1.0) * decay(data.now, self.half_life_days, "ts"))
        found = found._replace(rows=weighed.filter(pl.col("weight") > NEGLIGIBLE))
        if found.rows.is_empty():
            return pl.DataFrame(schema=schema(self.shape))
        levels = Levels.of(found, data, self)
        with crew(self.threads) as each:
            blocks = each(lambda start: levels.nearest(start, start + ROWS), range(0, len(found.items), ROWS))
        return neighbor_table(Pairs(*(np.concatenate(column) for column in zip(*blocks, strict=True))), found.items)


@dataclass(frozen=True)
class Levels:
    """What is known of steps, from the most to the least particular: items in rows and columns, or their categories.

    ``leanings`` is how much more likely than by its popularity a category comes after another, and ``listed`` (category
    x items) what most likely comes after each category: as many as an item can need, -1 where there are no more.
    """

    settings: Transitions
    directed: Any
    visits: Any
    by_item: Any
    leanings: Floats
    category: Indices
    popularity: Floats
    listed: Indices

    @classmethod
    def of(cls, found: Steps, data: TrainingData, settings: Transitions) -> "Levels":
        """All of it, from the steps of visits and their weights."""
        rows, half_life = found.rows, settings.half_life_days
        visits = basket_cells(found, data.now, half_life and 2 * half_life)  # its products have two weights
        directed = _directed(rows, len(found.items), settings.reach)
        category = _categories(data.catalog)
        counts = np.bincount(rows["item"].to_numpy(), rows["weight"].to_numpy(), len(found.items))
        popularity = counts / counts.sum()
        leanings = _leanings(directed, category, popularity, settings.trust)
        listed = _listed(leanings, category, popularity, settings.neighbors + 1)  # one may be the item itself
        return cls(settings, directed, visits, visits.T.tocsr(), leanings, category, popularity, listed)

    def nearest(self, start: int, end: int) -> Pairs:
        """What most likely comes after each item from ``start`` until before ``end``."""
        items = np.arange(start, min(end, len(self.category)))
        pairs = self._scored(items)
        kept = pairs.where((pairs.scores > 0) & (pairs.rows != pairs.columns))
        order = np.lexsort((kept.columns, -kept.scores, kept.rows))
        return Pairs(kept.rows, kept.columns[order], kept.scores[order]).head(self.settings.neighbors)

    def _scored(self, items: Indices) -> Pairs:
        """How likely one comes after the other. Of what is left out, all that its item needs is better."""
        width, trust = len(self.category), self.settings.trust
        after = Counts.of(self.directed[items], items)
        if self.settings.back_off == "none":
            return _pairs(after.keys, after.shares(after.keys), width)
        around = Counts.of(self.by_item[items] @ self.visits, items)
        if self.settings.back_off == "visit":
            keys = np.union1d(after.keys, around.keys)
            return _pairs(keys, after.joined(keys, trust, around.shares(keys)), width)
        listed = self.listed[self.category[items]]
        lists = (items[:, None] * width + listed)[listed != NOTHING]
        keys = np.unique(np.concatenate([after.keys, around.keys, lists]))
        item, other = np.divmod(keys, width)
        prior = self.leanings[self.category[item], self.category[other]] * self.popularity[other]
        return _pairs(keys, after.joined(keys, trust, around.joined(keys, trust, prior)), width)


class Counts(NamedTuple):
    """What some items, from ``start`` on, have with others: sorted ``keys`` are item x ``width`` + other."""

    keys: Indices
    values: Floats
    totals: Floats
    start: int
    width: int

    @classmethod
    def of(cls, cells: Any, items: Indices) -> "Counts":
        """The cells (CSR) but those of an item with itself."""
        cells.sort_indices()
        rows = np.repeat(items, np.diff(cells.indptr))
        kept = rows != cells.indices
        totals = np.bincount(rows[kept] - items[0], cells.data[kept], len(items)).astype(np.float64)
        keys = rows[kept] * cells.shape[1] + cells.indices[kept]
        return cls(keys, cells.data[kept], totals, int(items[0]), cells.shape[1])

    def shares(self, keys: Indices) -> Floats:
        """Of all that the item has; 0 where it has nothing."""
        return _over(self._at(keys), self._total(keys))

    def joined(self, keys: Indices, trust: float, prior: Floats) -> Floats:
        """The shares of the counts with ``trust`` more ones, spread like the prior."""
        joined: Floats = (self._at(keys) + trust * prior) / (self._total(keys) + trust)
        return joined

    def _at(self, keys: Indices) -> Floats:
        if not len(self.keys):
            return np.zeros(len(keys))
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, self.values[places], 0.0)

    def _total(self, keys: Indices) -> Floats:
        return self.totals[keys // self.width - self.start]


def _pairs(keys: Indices, scores: Floats, width: int) -> Pairs:
    return Pairs(*np.divmod(keys, width), scores)


def _directed(rows: pl.DataFrame, items: int, reach: int) -> Any:
    """How often an item (column) came after another (row), the same one again and again counting once."""
    changes = rows.filter((pl.col("basket").diff() != 0).fill_null(value=True) | (pl.col("item").diff() != 0))
    basket, item, weight = (changes[name].to_numpy() for name in ("basket", "item", "weight"))
    total = sparse.csr_array((items, items))
    for distance in range(1, reach + 1):
        earlier, later = slice(None, -distance), slice(distance, None)
        kept = (basket[earlier] == basket[later]) & (item[earlier] != item[later])
        places = (item[earlier][kept], item[later][kept])
        total = total + sparse.coo_array((weight[later][kept] / distance, places), shape=(items, items)).tocsr()
    return total


def _categories(catalog: pl.DataFrame) -> Indices:
    """A number for each item's category, by item; those without one are of a category of their own."""
    if "category" not in catalog.columns:
        return np.zeros(catalog["item_id"].n_unique(), np.int64)
    named = catalog.select("item_id", pl.col("category").fill_null("")).sort("item_id", "category")
    of_items = named.unique("item_id", keep="first", maintain_order=True)["category"]
    numbers: Indices = of_items.rank("dense").to_numpy().astype(np.int64) - 1
    return numbers


def _leanings(directed: Any, category: Indices, popularity: Floats, trust: float) -> Floats:
    """Steps between categories as shares, joined by ``trust`` more that are spread as what is popular, over the latter;
    0 for categories in which nothing happened.
    """
    steps = directed.tocoo()
    kinds = int(category.max(initial=-1)) + 1
    places = category[steps.row] * kinds + category[steps.col]
    counts = np.bincount(places, steps.data, kinds * kinds).reshape(kinds, kinds)
    popular = np.bincount(category, popularity, kinds).astype(np.float64)
    shares = (counts + trust * popular) / (counts.sum(axis=1, keepdims=True) + trust)
    return _over(shares, popular)


def _listed(leanings: Floats, category: Indices, popularity: Floats, number: int) -> Indices:
    """The items that most likely come after each category, the best first."""
    size = max(1, CELLS // len(category))
    some = [
        best_of(leanings[start : start + size][:, category] * popularity, number).items
        for start in range(0, len(leanings), size)
    ]
    listed = np.concatenate(some).astype(np.int64)
    score = leanings[np.arange(len(leanings))[:, None], category[listed]] * popularity[listed]
    return np.where(score > 0, listed, NOTHING)


def _over(counts: Floats, totals: Floats) -> Floats:
    """The quotient; 0 where it would be by 0."""
    quotient: Floats = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    return quotient


ALGORITHM = Transitions
