"""What all recommendations of a comparison are measured on, as files: the options that the commands share."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import polars as pl
from cyclopts import Parameter

from data_contracts.manifest import Window
from recsys_eval.errors import InvalidFrame
from recsys_eval.examples import Example
from recsys_eval.facts import Sample, SampleItem
from recsys_eval.files import read_table
from recsys_eval.metrics.evaluation import Metrics, evaluate
from recsys_eval.metrics.ties import against_ties, ranked
from recsys_eval.slices import Slice, slices_of
from recsys_eval.splits import given_split, span

PAST = 5  # items of a user's past that a sample names
Ties = Literal["against", "ranked"]


class Ground(NamedTuple):
    """The tables of a fixture, read once and held against each other."""

    truth: pl.DataFrame
    train: pl.DataFrame | None
    catalog: pl.DataFrame | None
    labels: tuple[pl.DataFrame, ...]
    ties: Ties

    def lists(self, recs: pl.DataFrame) -> pl.DataFrame:
        """Recommendations with a rank each; equal scores are resolved as asked.

        Raises ``InvalidFrame`` where nobody in them is in truth, which would measure 0 and mean nothing.
        """
        _refuse_strangers(recs, self.truth)
        if "score" not in recs.columns:
            return recs
        lists = recs if "rank" in recs.columns else ranked(recs)
        return against_ties(lists, self.truth) if self.ties == "against" else lists

    def measure(self, lists: pl.DataFrame, k: tuple[int, ...]) -> Metrics:
        """All metrics of recommendations with ranks."""
        return evaluate(lists, self.truth, k, train=self.train, catalog=self.catalog)

    def sample(self, example: Example, incumbent: pl.DataFrame, candidate: pl.DataFrame, k: int) -> Sample:
        """One user's first ``k`` places of both sides, with titles where the catalog has them."""
        user = example.user_id
        chosen = set(self.truth.filter(user_id=user)["item_id"])
        past = [] if self.train is None else self.train.filter(user_id=user)["item_id"].unique().sort().to_list()
        before, now = (
            tuple(
                SampleItem(rank=rank, item_id=item, title=self._title(item), hit=item in chosen)
                for item, rank in recs.filter(user_id=user).sort("rank").select("item_id", "rank").head(k).iter_rows()
            )
            for recs in (incumbent, candidate)
        )
        history = tuple(self._title(item) or item for item in past[:PAST])
        return Sample(user_id=user, why=example.why, history=history, items=now, incumbent=before)

    def _title(self, item: str) -> str:
        if self.catalog is None or "title" not in self.catalog.columns:
            return ""
        found = self.catalog.filter(item_id=item)["title"]
        return str(found[0] or "") if len(found) else ""

    def tables(self) -> dict[str, pl.DataFrame | None]:
        """What everything is measured on, by its option."""
        labels = {f"labels {n}": table for n, table in enumerate(self.labels, start=1)}
        return {"truth": self.truth, "train": self.train, "catalog": self.catalog} | labels

    def slices(self) -> tuple[Slice, ...]:
        """The parts of the truth that the tables tell apart."""
        return slices_of(self.truth, train=self.train, catalog=self.catalog, labels=self.labels)

    def began(self) -> datetime | None:
        """When the test begins: the first time in truth, if it has times."""
        return span(self.truth)[0] if "ts" in self.truth.columns else None

    def windows(self) -> tuple[Window | None, Window | None]:
        """From when to when train and truth reach, where they have times."""
        return _window(self.train), _window(self.truth)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Fixture:
    """What all recommendations are measured on."""

    truth: Path
    "What users really chose: user_id, item_id."
    train: Path | None = None
    "What was known before: user_id, item_id. With ts in it and in truth, a train that reaches into truth is an error."
    catalog: Path | None = None
    "All that could be recommended: item_id, category or tags."
    labels: Annotated[tuple[Path, ...], Parameter(negative="")] = ()
    "Slices: user_id or item_id or both, and a column per dimension, such as segment. May be repeated."
    ties: Ties = "against"
    "Equal scores in recs: resolved against the model, or as they are ranked in the file."

    def open(self) -> Ground:
        """The tables. Raises ``Leak`` where train and truth have times that overlap."""
        train, catalog = (None if path is None else read_table(path) for path in (self.train, self.catalog))
        truth = read_table(self.truth)
        if train is not None and "ts" in train.columns and "ts" in truth.columns:
            given_split(train, truth)
        return Ground(truth, train, catalog, tuple(read_table(path) for path in self.labels), self.ties)


def _window(events: pl.DataFrame | None) -> Window | None:
    if events is None or "ts" not in events.columns or not events["ts"].count():
        return None
    first, last = span(events)
    return Window(first, last + timedelta(microseconds=1))


def _refuse_strangers(recs: pl.DataFrame, truth: pl.DataFrame) -> None:
    if any("user_id" not in table.columns or table.is_empty() for table in (recs, truth)):
        return
    if not truth["user_id"].is_in(recs["user_id"].unique().implode()).any():
        ours, theirs = (table["user_id"].drop_nulls().sort().head(1).to_list() for table in (recs, truth))
        raise InvalidFrame(
            f"recs and truth have no user in common: {ours} against {theirs}, for example; are the ids written alike?"
        )
