"""From learned tables to artifacts: Polars frames in, the arrays that a server maps into memory out.

Beside the tables of the algorithms a release holds what ranking needs to know: the catalog (``items``), the users'
recent interactions (``history``), and per event type when a user last had an item (``seen.purchase``).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from data_contracts.tables import ITEMS, SHAPES, Shape
from recsys_algo.encode import Encoded, encode_catalog, encode_segments, encode_table, load_items
from recsys_algo.lists import Ids


class Learned(NamedTuple):
    """A table with the name of the algorithm that made it; ``frame`` has the columns of its shape."""

    algorithm: str
    shape: Shape
    frame: pl.DataFrame


def encode(  # noqa: PLR0917  # the parts of a release, and where they go
    learned: Mapping[str, tuple[str, Shape, pl.DataFrame]],
    catalog: pl.DataFrame,
    history: pl.DataFrame,
    seen: Mapping[str, pl.DataFrame],
    folder: Path,
    *,
    users: pl.DataFrame | None = None,
) -> list[Encoded]:
    """Every artifact of a release, written into ``folder``: the catalog first, then by name, then the segments of the
    ``users`` (user_id, segment) for whose segments a list was learned.

    The same rows give the same bytes, in whatever order they come. Rows of items that the catalog does not have are
    dropped. Raises ``ValueError`` that names the artifact for a missing column and for numbers that are not finite.
    """
    items = encode_catalog(_columns(catalog, ITEMS.names), folder)
    ids = load_items(folder)
    return (
        [items]
        + [
            encode_table(name, table.algorithm, table.shape, _ids(table.frame, SHAPES[table.shape].names), ids, folder)
            for name, table in sorted(_tables(learned, history, seen))
        ]
        + _segments(pl.DataFrame() if users is None else users, learned, folder)
    )


def _segments(
    users: pl.DataFrame, learned: Mapping[str, tuple[str, Shape, pl.DataFrame]], folder: Path
) -> list[Encoded]:
    """None where no list is of a segment that a user is in."""
    lists = [frame["segment"].unique() for _, shape, frame in learned.values() if shape == "item_scores"]
    if users.is_empty() or not lists:
        return []
    own = pl.col("segment").is_in(pl.concat(lists).unique().implode()) & ~pl.col("segment").is_in(["", "default"])
    placed = users.filter(own).sort("user_id", "segment").unique("user_id", keep="first", maintain_order=True)
    return [encode_segments(placed["user_id"].to_list(), placed["segment"].to_list(), folder)] if placed.height else []


def _tables(
    learned: Mapping[str, tuple[str, Shape, pl.DataFrame]], history: pl.DataFrame, seen: Mapping[str, pl.DataFrame]
) -> Iterator[tuple[str, Learned]]:
    yield "history", Learned("history", "user_items", history)
    for event_type, frame in seen.items():
        yield f"seen.{event_type}", Learned("seen", "user_items", frame)
    for name, table in learned.items():
        yield name, Learned(*table)


def _columns(frame: pl.DataFrame, names: Sequence[str]) -> dict[str, Sequence[Any]]:
    return {name: _column(frame[name]) for name in names if name in frame.columns}


def _ids(frame: pl.DataFrame, names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Columns of a learned table: texts as ids, without a text for every row."""
    return {
        name: _coded(frame[name]) if frame[name].dtype == pl.String else _column(frame[name])
        for name in names
        if name in frame.columns
    }


def _coded(ids: pl.Series) -> Ids:
    words = ids.unique().sort()
    return Ids(words.to_list(), ids.cast(pl.Enum(words)).to_physical().to_numpy().astype(np.int64))


def _column(values: pl.Series) -> Sequence[Any]:
    """Numbers as an array, vectors as the rows of one, all else as a list."""
    if values.dtype == pl.List(pl.Float32):
        return _matrix(values)
    numeric = values.dtype.is_numeric() and not values.has_nulls()
    return values.to_numpy() if numeric else values.to_list()  # type: ignore[return-value]  # an array is a sequence


def _matrix(vectors: pl.Series) -> Sequence[Any]:
    """One row per vector, if all are of one length; else the lists, so that the encoder can name the odd one."""
    lengths = vectors.list.len().unique()
    if len(lengths) != 1 or not lengths[0]:
        return vectors.to_list()
    return vectors.explode().to_numpy().reshape(len(vectors), lengths[0])  # type: ignore[return-value]
