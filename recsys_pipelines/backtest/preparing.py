"""One question to all algorithms: what they may learn from, whom they are asked for, and what would be right.

It is kept as a folder of Parquet files, so that the process of each algorithm reads what all others read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from data_contracts.documents import EventWeights, Interactions
from data_contracts.tables import EVENT_TYPES
from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.backtest.data import UNDATED
from recsys_pipelines.backtest.errors import UnusableFile
from recsys_pipelines.backtest.ranking import Asked
from recsys_pipelines.embeddings.svd import Svd
from recsys_pipelines.embeddings.texts import item_texts
from recsys_pipelines.interactions import interactions

ALIKE = EventWeights(view=1.0, click=1.0, add=1.0, purchase=1.0, custom=1.0)
FILES = ("events", "catalog", "truth", "barred", "allowed")


class Weighs(Protocol):
    """What turns events into interactions: `Weighing`, or a tenant's settings."""

    def pairs(self, events: pl.DataFrame, now: datetime, catalog: pl.DataFrame) -> pl.DataFrame:
        """The interactions (columns of ``tables.INTERACTIONS``) of the events."""


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """What an event counts: its type's weight x the file's, halved for every ``half_life_days`` of its age.

    ``binary`` leaves the file's weights aside, and a pair counts 1 however many events it has.
    """

    types: EventWeights = ALIKE
    half_life_days: float | None = None
    binary: bool = False

    def pairs(self, events: pl.DataFrame, now: datetime, catalog: pl.DataFrame) -> pl.DataFrame:
        """The interactions (columns of ``tables.INTERACTIONS``), made by the code that makes a tenant's."""
        settings = Interactions(
            weights=self.types,
            scaled_by_value=() if self.binary else EVENT_TYPES,  # type: ignore[arg-type]  # the same names
            half_life_days=None if self.binary else self.half_life_days,
        )
        found = interactions(events, settings, now=now, catalog=catalog)
        return found.with_columns(weight=pl.lit(1.0)) if self.binary else found


@dataclass(frozen=True)
class Days:
    """Events as a lazy frame a day, in order; parted when first asked for, as most algorithms never ask."""

    events: pl.DataFrame

    def __iter__(self) -> Iterator[pl.LazyFrame]:
        for _, day in self._by_day:
            yield day.lazy().sort("ts", "event_id")

    @cached_property
    def _by_day(self) -> list[tuple[tuple[Any, ...], pl.DataFrame]]:
        day = pl.col("ts").dt.date().alias("day")
        return sorted(
            self.events.with_columns(day).partition_by("day", as_dict=True, include_key=False).items(),
            key=lambda each: each[0],
        )


@dataclass(frozen=True, kw_only=True)
class Question:
    """The tables of `Asked`, and the events and the catalog that are known before.

    ``later``: all that is asked for happened after all that is known.
    """

    events: pl.DataFrame
    catalog: pl.DataFrame
    truth: pl.DataFrame
    barred: pl.DataFrame
    allowed: pl.DataFrame | None = None
    later: bool = False

    @property
    def now(self) -> datetime:
        """The newest event that is known: what ages are counted from."""
        newest = self.events["ts"].max()
        return newest if isinstance(newest, datetime) else UNDATED

    @property
    def asked(self) -> Asked:
        """Who is asked for."""
        return Asked(self.truth, self.barred, self.allowed)

    def training(self, weighing: Weighs, seed: int) -> TrainingData:
        """All that an algorithm may learn from. Raises ``UnusableFile`` where nothing counts."""
        pairs = weighing.pairs(self.events, self.now, self.catalog)
        if pairs.is_empty():
            raise UnusableFile("no row of train counts: its weight is 0, or that of its type, or no item is in --items")
        return TrainingData(
            pairs,
            self.catalog,
            Days(self.events),
            now=self.now,
            seed=seed,
            embeddings=lambda: embeddings(self.catalog),
        )


def embeddings(catalog: pl.DataFrame) -> pl.DataFrame:
    """The vectors of the items' texts (columns of ``EMBEDDINGS``), by the encoder that needs no download."""
    texts = item_texts(catalog)
    encoder = Svd()
    lsa = encoder.open(encoder.fit(texts["text"].to_list()), Path())
    vectors = pl.Series(lsa.encode(texts["text"].to_list())).cast(pl.List(pl.Float32))
    return texts.select("item_id", content_hash=pl.lit(""), encoder=pl.lit(lsa.id)).with_columns(vector=vectors)


def keep(question: Question, folder: Path) -> None:
    """Write the tables into the folder."""
    for name in FILES:
        table = getattr(question, name)
        if table is not None:
            table.write_parquet(folder / f"{name}.parquet")


def kept(folder: Path) -> Question:
    """The question in a folder."""
    tables: dict[str, Any] = {
        name: pl.read_parquet(path) for name in FILES if (path := folder / f"{name}.parquet").exists()
    }
    return Question(**tables)
