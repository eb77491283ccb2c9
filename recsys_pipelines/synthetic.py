"""A synthetic shop of any size, with planted structure that algorithms can be seen to recover.

People have a taste (one or two clusters of items, and a style), some items are bought together, some rise in the last
week, sell out or are new, some are variants of one product, and visitors browse anonymously before they log in. The
same seed gives the same bytes. ``synthetic_world`` holds the truth behind it, ``synthetic_sessions`` the visits.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict, Unpack

import numpy as np
import polars as pl

from recsys_pipelines.synthetic_tables import event_rows, item_rows, user_rows
from recsys_pipelines.synthetic_world import Size, plant

FileFormat = Literal["csv", "parquet"]


class Shop(NamedTuple):
    """What a shop would know: the canonical tables of ``data_contracts.tables``."""

    items: pl.DataFrame
    users: pl.DataFrame
    events: pl.DataFrame


class Scale(TypedDict, total=False):
    """The fields of ``Size`` but the seed; what is left out has its default there."""

    users: int
    items: int
    events: int
    days: int
    start: date


def shop(seed: int = 7, **scale: Unpack[Scale]) -> Shop:
    """A shop in memory; ``events`` has exactly as many rows as asked for, in the order of time."""
    world = plant(Size(seed=seed, **scale))
    events = pl.concat(frame for _, frame in event_rows(world, chunk=world.size.events))
    return Shop(item_rows(world), user_rows(world), events)


def write_shop(
    folder: Path,
    *,
    seed: int = 7,
    chunk: int = 250_000,
    file_format: FileFormat = "parquet",
    redelivered: float = 0.0,
    **scale: Unpack[Scale],
) -> list[Path]:
    """Write ``items.*``, ``users.*`` and ``events/*`` (a file per day and ``chunk``); memory holds two chunks.

    Sessions differ when ``chunk`` splits days differently; the planted structure does not. ``redelivered`` is the share
    of rows that a file has on top, once more, of those of its own and of the file before, as senders do that try again.
    In CSV, tags are joined by ``|``.
    """
    world = plant(Size(seed=seed, **scale))
    (folder / "events").mkdir(parents=True, exist_ok=True)
    made = _delivered(event_rows(world, chunk), redelivered, np.random.default_rng(seed))
    days = ((f"events/{name}", frame) for name, frame in made)
    tables = chain([("items", item_rows(world)), ("users", user_rows(world))], days)
    return [write(frame, folder / f"{name}.{file_format}") for name, frame in tables]


def _delivered(
    files: Iterable[tuple[str, pl.DataFrame]], share: float, rng: np.random.Generator
) -> Iterator[tuple[str, pl.DataFrame]]:
    """The files with copies of rows at their end."""
    before = pl.DataFrame()
    for name, frame in files:
        known = pl.concat([before, frame]) if before.height else frame
        again = rng.integers(0, max(known.height, 1), int(share * frame.height))
        yield name, pl.concat([frame, known[again]])
        before = frame


def write(frame: pl.DataFrame, path: Path) -> Path:
    """Write the frame in the format of the path's suffix; times with a Z, lists joined by ``|``."""
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        flat = frame.with_columns(pl.col(pl.List(pl.String)).list.join("|"))
        flat.write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%SZ")
    return path
