"""Lists and vectors as sorted arrays, one encoder per shape.

An encoder takes the artifact's name, its columns and the items of the catalog, and gives how many rows it kept, and the
arrays. Its errors are ``ValueError`` that name the artifact and the id.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from data_contracts.tables import Shape
from recsys_algo.arrays import Array, prefixed
from recsys_algo.stringmap import StringMap


@dataclass(frozen=True, eq=False)
class Ids(Sequence[str]):
    """A column of ids as places in a list of the distinct ones: millions of rows cost a number each, not a text."""

    words: Sequence[str]
    places: Array

    @classmethod
    def of(cls, ids: Sequence[str]) -> "Ids":
        """The same column, if it is one already."""
        if isinstance(ids, Ids):
            return ids
        words = dict.fromkeys(ids)
        number = dict(zip(words, range(len(words)), strict=True))
        return cls(list(words), np.fromiter((number[id] for id in ids), np.int64, len(ids)))

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, row: Any) -> Any:
        return self.words[int(self.places[row])]

    def take(self, rows: Array) -> Self:
        """These rows; no word is looked at."""
        return type(self)(self.words, self.places[rows])

    def equal(self, word: str) -> Array:
        """For every row whether it has this id."""
        same: Array = np.array([each == word for each in self.words], np.bool_)[self.places]
        return same

    def used(self) -> list[str]:
        """The distinct ids that a row has."""
        return [self.words[place] for place in np.unique(self.places).tolist()]

    def find_in(self, map: StringMap) -> Array:
        """For every row the index of its id, -1 where the map does not have it."""
        found: Array = map.find_all(self.words)[self.places]
        return found


Columns = Mapping[str, Sequence[Any]]
Encoder = Callable[[str, Columns, StringMap], tuple[int, dict[str, Array]]]


def indptr(rows: Array, count: int) -> Array:
    """Where each of ``count`` rows begins and ends, given the row of every entry."""
    bounds = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=count), out=bounds[1:])
    return bounds


class _Scored(NamedTuple):
    """The rows of a table that are of known items: whose list they are in, the item, and the score."""

    owners: Ids
    items: Array
    scores: Array


def _scored(name: str, columns: Columns, items: StringMap, keys: tuple[str, str]) -> _Scored:
    owner, item = keys
    owners, ids = Ids.of(columns[owner]), Ids.of(columns[item])
    with np.errstate(over="ignore"):
        scores = np.asarray(columns["score"], np.float64).astype(np.float32) + np.float32(0)  # no negative zeros
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        place = int(bad[0])
        raise ValueError(
            f"{name}: the score of {owner} {owners[place]!r}, {item} {ids[place]!r} is {columns['score'][place]};"
            " scores are finite numbers that fit 32 bits"
        )
    codes = ids.find_in(items)
    known = np.flatnonzero(codes >= 0)
    return _Scored(owners.take(known), codes[known], scores[known])


def _lists(name: str, table: _Scored, owners: StringMap, items: StringMap) -> dict[str, Array]:
    row = table.owners.find_in(owners)
    order = _order(row, table)
    keys = np.sort(row.astype(np.int64) * len(items) + table.items)
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        owner, item = divmod(int(keys[twice[0]]), len(items))
        raise ValueError(f"{name}: {owners[owner]!r} lists {items[item]!r} twice")
    return {
        "indptr": indptr(row, len(owners)),
        "indices": table.items[order],
        "values": table.scores[order],
    }


def _order(row: Array, table: _Scored) -> Array | slice:
    """Where the rows stand by owner, best first, ties by item: most tables come so, and looking costs a tenth."""
    same, scores = row[1:] == row[:-1], table.scores
    tied = same & (scores[1:] == scores[:-1])
    later = (row[1:] > row[:-1]) | (same & (scores[1:] < scores[:-1])) | (tied & (table.items[1:] > table.items[:-1]))
    return slice(None) if later.all() else np.lexsort((table.items, -scores, row))


def _keyed_lists(owner: str, map: str) -> Encoder:
    """Lists that have an id map of their own for whose they are: segments or users."""

    def encode(name: str, columns: Columns, items: StringMap) -> tuple[int, dict[str, Array]]:
        table = _scored(name, columns, items, (owner, "item_id"))
        owners = StringMap.build(table.owners.used())
        return len(table.items), _lists(name, table, owners, items) | prefixed(owners.arrays(), map)

    return encode


def _neighbor_lists(name: str, columns: Columns, items: StringMap) -> tuple[int, dict[str, Array]]:
    table = _scored(name, columns, items, ("item_id", "neighbor_id"))
    owners = table.owners.find_in(items)
    known = np.flatnonzero((owners >= 0) & (owners != table.items))
    table = _Scored(table.owners.take(known), table.items[known], table.scores[known])
    return len(known), _lists(name, table, items, items)


def _vectors(name: str, columns: Columns, items: StringMap) -> tuple[int, dict[str, Array]]:
    matrix = _matrix(name, columns)
    entity, ids = Ids.of(columns["entity"]), Ids.of(columns["id"])
    item_places, user_places = (np.flatnonzero(entity.equal(word)) for word in ("item", "user"))
    rows = ids.take(item_places).find_in(items)
    named = ids.take(user_places)
    users = StringMap.build(named)
    user_rows = named.find_in(users)
    order = np.argsort(rows, kind="stable")[np.count_nonzero(rows < 0) :]
    twice = np.flatnonzero(np.diff(rows[order]) == 0)
    if len(twice):
        raise ValueError(f"{name}: the item {items[int(rows[order][twice[0]])]!r} has two vectors")
    arrays = {
        "items.rows": rows[order],
        "items.vectors": matrix[item_places[order]],
        "users.vectors": matrix[user_places[np.argsort(user_rows)]],
        **prefixed(users.arrays(), "users"),
    }
    return len(order) + len(users), arrays


def _matrix(name: str, columns: Columns) -> Array:
    vectors = columns["vector"]
    if not len(vectors):
        return np.zeros((0, 0), np.float32)
    width = len(vectors[0])
    is_matrix = isinstance(vectors, np.ndarray) and vectors.ndim == 2  # noqa: PLR2004  (rows of one length)
    for row, vector in enumerate(() if is_matrix else vectors):
        if len(vector) != width:
            raise ValueError(
                f"{name}: the vector of {columns['id'][row]!r} has {len(vector)} numbers, that of the first row {width}"
            )
    matrix = np.asarray(vectors if is_matrix else list(vectors), np.float32)
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(bad):
        raise ValueError(f"{name}: the vector of {columns['id'][int(bad[0])]!r} has a number that is not finite")
    return matrix


ENCODERS: dict[Shape, Encoder] = {
    "item_scores": _keyed_lists("segment", "segments"),
    "item_neighbors": _neighbor_lists,
    "user_items": _keyed_lists("user_id", "users"),
    "vectors": _vectors,
}
