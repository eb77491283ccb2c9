"""Options that `recsys backtest` and `recsys tune` share: which files, how they are split, what a row counts."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from data_contracts.errors import ContractError

if TYPE_CHECKING:
    from recsys_pipelines.backtest.data import Columns
    from recsys_pipelines.backtest.preparing import Weighing
    from recsys_pipelines.backtest.splitting import Plan


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Files:
    """What is read: files of CSV, JSON lines or Parquet, or folders of such files."""

    train: Path | None = None
    "What was known before: user_id, item_id, and optionally weight, timestamp, type, session_id, order_id."
    test: Path | None = None
    "What users chose then: user_id, item_id, and optionally timestamp, type."
    interactions: Path | None = None
    "Instead of both: all of it, to be split as --split says."
    candidates: Path | None = None
    "Pairs user_id, item_id: only these are ranked."
    items: Path | None = None
    "The catalog: item_id, and optionally title, description, brand, category, tags, ...; else the items of train."
    user_column: str = "user_id"
    "What the column is called in your files."
    item_column: str = "item_id"
    "What the column is called in your files."
    weight_column: str = "weight"
    "A row's weight, at least 0; 1 without the column."
    timestamp_column: str = "timestamp"
    "ISO 8601, or seconds or milliseconds since 1970."
    type_column: str = "type"
    "view, click, add, purchase or custom; purchase without the column."
    session_column: str = "session_id"
    "The visit of a row, for algorithms that learn from visits."
    order_column: str = "order_id"
    "The order of a purchase, for algorithms that learn from baskets."

    def columns(self) -> "Columns":
        """The names of the columns."""
        from recsys_pipelines.backtest.data import Columns  # noqa: PLC0415  (Polars: only when asked)

        return Columns(
            user=self.user_column,
            item=self.item_column,
            weight=self.weight_column,
            timestamp=self.timestamp_column,
            type=self.type_column,
            session=self.session_column,
            order=self.order_column,
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Splitting:
    """How train and test are told apart, and what counts."""

    split: Literal["time", "last-k", "folds", "given"] | None = None
    "Of --interactions: at one moment (default), each user's last events, or several periods one after the other."
    cut: datetime | None = None
    "For time: where the test begins (UTC); default: where the last fifth of the rows does."
    last_k: int = 1
    "For last-k: how many events of each user are the test."
    folds: int = 3
    "For folds: how many periods."
    fold_days: float = 7.0
    "For folds: how long each is."
    keep_seen: bool = False
    "Also recommend what the user had in train."
    truth_types: str = ""
    "Types of test events that count, separated by commas; default: all."

    def plan(self, *, given: bool) -> "Plan":
        """The same, read."""
        from recsys_pipelines.backtest.splitting import Plan  # noqa: PLC0415

        if given and self.split not in (None, "given"):
            raise ContractError(f"--split {self.split} needs --interactions; --train and --test are split already")
        cut = None if self.cut is None else self.cut.replace(tzinfo=self.cut.tzinfo or UTC)
        return Plan(
            kind="given" if given else self.split or "time",
            cut=cut,
            last_k=self.last_k,
            folds=self.folds,
            fold_days=self.fold_days,
            keep_seen=self.keep_seen,
            truth_types=listed(self.truth_types),
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Weights:
    """What a row counts in training."""

    type_weight: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    "What a row of a type counts, such as view=0.05; may be repeated; 1 for types that are not named."
    half_life_days: float | None = None
    "Halve a row's weight for every so many days before the newest row."
    binary: bool = False
    "Leave weights and ages aside: a pair counts 1."

    def weighing(self) -> "Weighing":
        """The same, read."""
        from data_contracts.documents import EventWeights  # noqa: PLC0415
        from recsys_pipelines.backtest.preparing import Weighing  # noqa: PLC0415

        try:
            given = {name: float(value) for name, _, value in (each.partition("=") for each in self.type_weight)}
            types = msgspec.convert(msgspec.structs.asdict(Weighing().types) | given, EventWeights)
        except (ValueError, msgspec.ValidationError) as error:
            raise ContractError(
                f"--type-weight {' '.join(self.type_weight)}: {error}; write it as view=0.05"
            ) from error
        return Weighing(types=types, half_life_days=self.half_life_days, binary=self.binary)


def listed(text: str) -> tuple[str, ...]:
    """What stands between the commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def writable(*paths: Path | None) -> None:
    """Refuse what could not be written when all is done. Raises ``ContractError``."""
    for path in paths:
        if path is None:
            continue
        if not path.parent.is_dir():
            raise ContractError(f"{path} cannot be written: there is no folder {path.parent}; make it first")
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise ContractError(f"{path} cannot be written: it is a folder, or you may not write there")


def lengths(text: str) -> tuple[int, ...]:
    """The lengths of lists, each once, in order."""
    parts = listed(text)
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ContractError(f"--k {text!r} must be whole numbers of at least 1, such as 5,10,20")
    return tuple(sorted({int(part) for part in parts}))
