"""From learned tables to artifacts: Polars frames in, the arrays that a server maps into memory out.

Beside the tables of the algorithms a release holds what ranking needs to know: the catalog (``items``), the users'
recent interactions (``history``), and per event type when a user last had an item (``seen.purchase``).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from data_contracts.tables import ITEMS, SHAPES, Shape
from recsys_algo.encode import Encoded, encode_catalog, encode_segments, encode_table, load_items
from recsys_algo.lists import Ids
from recsys_pipelines.listing import trait_segments

Table = pl.DataFrame | Callable[[], pl.DataFrame]  # here, or how it is read


class Learned(NamedTuple):
    """A table with the columns of its shape, and the name of the algorithm that made it."""

    algorithm: str
    shape: Shape
    table: Table

    def read(self) -> pl.DataFrame:
        """The table, for as long as the caller holds it."""
        return self.table() if callable(self.table) else self.table


def encode(  # noqa: PLR0913, PLR0917  # the parts of a release, and where they go
    learned: Mapping[str, tuple[str, Shape, Table]],
    catalog: pl.DataFrame,
    history: pl.DataFrame,
    seen: Mapping[str, pl.DataFrame],
    folder: Path,
    *,
    users: pl.DataFrame | None = None,
    traits: Sequence[str] = (),
) -> list[Encoded]:
    """Every artifact of a release, written into ``folder``: the catalog first, then by name, then the segments of the
    ``users`` (user_id, segment, traits): their own if a list was learned of it, else that of the first of ``traits``
    that has one.

    The same rows give the same bytes, in whatever order they come. Rows of items that the catalog does not have are
    dropped. Tables that are not here yet are read one after the other, so memory is that of the largest. Raises
    ``ValueError`` that names the artifact for a missing column and for numbers that are not finite.
    """
    items = encode_catalog(_columns(catalog, ITEMS.names), folder)
    ids = load_items(folder)
    named = {name: Learned(*table) for name, table in learned.items()}
    tables = sorted({**named, **_remembered(history, seen)}.items(), key=lambda each: each[0])
    return (
        [items]
        + [
            encode_table(name, each.algorithm, each.shape, _ids(each.read(), SHAPES[each.shape].names), ids, folder)
            for name, each in tables
        ]
        + _segments(pl.DataFrame() if users is None else users, named.values(), folder, traits=traits)
    )


def _segments(
    users: pl.DataFrame, learned: Iterable[Learned], folder: Path, *, traits: Sequence[str] = ()
) -> list[Encoded]:
    """None where no list is of a segment that a user is in."""
    lists = [] if users.is_empty() else [each.read()["segment"] for each in learned if each.shape == "item_scores"]
    if not lists:
        return []
    known = pl.concat(lists).unique().sort()
    placed = _placed(users, known, traits)
    if placed.is_empty():
        return []
    of_traits = [name for name in known if name.startswith(tuple(f"{trait}=" for trait in traits))]
    ids, segments = (placed[name].to_list() for name in ("user_id", "segment"))
    return [encode_segments(ids, segments, folder, traits=traits, lists=of_traits)]


def _placed(users: pl.DataFrame, lists: pl.Series, traits: Sequence[str]) -> pl.DataFrame:
    """The users who get one of these lists (user_id, segment), by user: that of their own segment, or else of their
    first trait that has one."""
    own = users.select("user_id", pl.lit(-1, pl.Int64).alias("place"), "segment")
    every = pl.concat([own, trait_segments(users, traits)])
    with_list = every.filter(pl.col("segment").is_in(lists.implode()) & ~pl.col("segment").is_in(["", "default"]))
    return with_list.sort("user_id", "place", "segment").unique("user_id", keep="first", maintain_order=True)


def _remembered(history: pl.DataFrame, seen: Mapping[str, pl.DataFrame]) -> dict[str, Learned]:
    """By artifact what the server remembers of people."""
    return {"history": Learned("history", "user_items", history)} | {
        f"seen.{event_type}": Learned("seen", "user_items", frame) for event_type, frame in seen.items()
    }


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
