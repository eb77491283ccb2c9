"""Lists and vectors as sorted arrays, one encoder per shape.

An encoder takes the artifact's name, its columns and the items of the catalog, and gives how many rows it kept, and the
arrays. Its errors are ``ValueError`` that name the artifact and the id.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from data_contracts.tables import Shape
from recsys_algo.arrays import Array, prefixed
from recsys_algo.stringmap import StringMap

Columns = Mapping[str, Sequence[Any]]
Encoder = Callable[[str, Columns, StringMap], tuple[int, dict[str, Array]]]


def indptr(rows: Array, count: int) -> Array:
    """Where each of ``count`` rows begins and ends, given the row of every entry."""
    bounds = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=count), out=bounds[1:])
    return bounds


class _Scored(NamedTuple):
    """The rows of a table that are of known items: whose list they are in, the item, and the score."""

    owners: list[str]
    items: Array
    scores: Array


def _scored(name: str, columns: Columns, items: StringMap, keys: tuple[str, str]) -> _Scored:
    owner, item = keys
    owners, ids = columns[owner], columns[item]
    with np.errstate(over="ignore"):
        scores = np.asarray(columns["score"], np.float64).astype(np.float32) + np.float32(0)  # no negative zeros
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        place = int(bad[0])
        raise ValueError(
            f"{name}: the score of {owner} {owners[place]!r}, {item} {ids[place]!r} is {columns['score'][place]};"
            " scores are finite numbers that fit 32 bits"
        )
    codes = _codes(ids, items)
    known = np.flatnonzero(codes >= 0)
    return _Scored([owners[place] for place in known.tolist()], codes[known], scores[known])


def _codes(ids: Sequence[str], map: StringMap) -> Array:
    distinct = list(dict.fromkeys(ids))
    lookup = dict(zip(distinct, map.find_all(distinct).tolist(), strict=True))
    return np.fromiter((lookup[id] for id in ids), np.int32, len(ids))


def _lists(name: str, table: _Scored, owners: StringMap, items: StringMap) -> dict[str, Array]:
    row = _codes(table.owners, owners)
    order = np.lexsort((table.items, -table.scores, row))
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


def _keyed_lists(owner: str, map: str) -> Encoder:
    """Lists that have an id map of their own for whose they are: segments or users."""

    def encode(name: str, columns: Columns, items: StringMap) -> tuple[int, dict[str, Array]]:
        table = _scored(name, columns, items, (owner, "item_id"))
        owners = StringMap.build(set(table.owners))
        return len(table.items), _lists(name, table, owners, items) | prefixed(owners.arrays(), map)

    return encode


def _neighbor_lists(name: str, columns: Columns, items: StringMap) -> tuple[int, dict[str, Array]]:
    table = _scored(name, columns, items, ("item_id", "neighbor_id"))
    owners = _codes(table.owners, items)
    known = np.flatnonzero((owners >= 0) & (owners != table.items))
    table = _Scored([table.owners[place] for place in known.tolist()], table.items[known], table.scores[known])
    return len(known), _lists(name, table, items, items)


def _vectors(name: str, columns: Columns, items: StringMap) -> tuple[int, dict[str, Array]]:
    matrix = _matrix(name, columns)
    entity = np.asarray(columns["entity"], object)
    item_places, user_places = np.flatnonzero(entity == "item"), np.flatnonzero(entity == "user")
    rows = _codes([columns["id"][place] for place in item_places.tolist()], items)
    users = StringMap.build([columns["id"][place] for place in user_places.tolist()])
    user_rows = _codes([columns["id"][place] for place in user_places.tolist()], users)
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
    for id, vector in zip(columns["id"], vectors, strict=True):
        if len(vector) != width:
            raise ValueError(f"{name}: the vector of {id!r} has {len(vector)} numbers, that of the first row {width}")
    matrix = np.array([np.asarray(vector, np.float32) for vector in vectors], np.float32)
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
