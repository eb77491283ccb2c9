"""Every item's score for every user, from a table by its shape or from the model in full where an algorithm offers it.

A user-item pair of which a model says nothing scores ``UNSCORED`` and is never recommended. Blocks are dense, users x
items; memory is that of the table and of one block. As in the server: neighbours are summed over the user's whole
history, weight x similarity, and a user without a vector is folded in as the weighted mean of the history's vectors.
"""

from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from recsys_pipelines.algorithm import Algorithm, FullScores, Scoring, TrainingData
from recsys_pipelines.matrix import user_items

Scores = npt.NDArray[np.floating[Any]]

UNSCORED = -np.inf
EVERYBODY = ""  # the segment of the list for everybody


def full_scores(algorithm: Algorithm, data: TrainingData, users: pl.Series) -> FullScores:
    """The fitted model as scores. ``users`` (sorted ids) are those who get the lists that are the same for everybody.

    Takes the model in full where the algorithm has ``scores`` (`algorithm.Scoring`), and its table otherwise.
    """
    if hasattr(algorithm, "scores"):
        return cast(Scoring, algorithm).scores(data)
    table = algorithm.fit(data)
    match algorithm.shape:
        case "item_scores":
            return of_everybody(table, users)
        case "item_neighbors":
            return of_neighbors(table, data)
        case "user_items":
            return of_lists(table)
        case "vectors":
            return of_vectors(table, data)


def uncut(algorithm: Algorithm, items: int) -> Algorithm:
    """The same, a list for everybody as long as the catalog: its ``limit`` is for serving and must not hide candidates.

    Other shapes stay as they are.
    """
    if algorithm.shape != "item_scores" or not hasattr(algorithm, "limit"):
        return algorithm
    return cast(Algorithm, msgspec.structs.replace(cast(msgspec.Struct, algorithm), limit=max(items, 1)))


def of_everybody(table: pl.DataFrame, users: pl.Series) -> FullScores:
    """The list for everybody (segment, item_id, score), for each of these users."""
    everybody = table.filter(segment=EVERYBODY).sort("item_id")
    scores = everybody["score"].to_numpy()
    return FullScores(users, everybody["item_id"], lambda start, end: np.tile(scores, (end - start, 1)))


def of_neighbors(table: pl.DataFrame, data: TrainingData) -> FullScores:
    """Sums over the history of weight x similarity; what has no neighbour in the history is unscored."""
    history = user_items(data)
    near = table.select("neighbor_id").unique().sort("neighbor_id")["neighbor_id"]
    of_known = table.filter(pl.col("item_id").is_in(history.items.implode()))
    similar = _sparse(
        (places(of_known["item_id"], history.items), places(of_known["neighbor_id"], near)),
        of_known["score"].to_numpy(),
        (len(history.items), len(near)),
    )
    return FullScores(history.users, near, lambda start, end: _dense(history.cells[start:end] @ similar))


def of_lists(table: pl.DataFrame) -> FullScores:
    """The users' own lists (user_id, item_id, score)."""
    users, items = (table[name].unique().sort() for name in ("user_id", "item_id"))
    cells = _sparse(
        (places(table["user_id"], users), places(table["item_id"], items)),
        table["score"].to_numpy(),
        (len(users), len(items)),
    )
    return FullScores(users, items, lambda start, end: _dense(cells[start:end]))


def of_vectors(table: pl.DataFrame, data: TrainingData) -> FullScores:
    """Dot products of the users' vectors, or of the means of their histories, with the items' (entity, id, vector)."""
    items, item_vectors = _vectors(table, "item")
    users, user_vectors = _vectors(table, "user")
    strangers = data.interactions.filter(~pl.col("user_id").is_in(users.implode()))
    folded, means = _folded(strangers, items, item_vectors)
    everyone = pl.concat([users, folded])
    order = everyone.arg_sort().to_numpy()
    tastes = np.concatenate([user_vectors.reshape(len(users), item_vectors.shape[1]), means])[order]
    return FullScores(
        everyone.gather(order), items, lambda start, end: cast(Scores, tastes[start:end] @ item_vectors.T)
    )


def places(ids: pl.Series, known: pl.Series) -> npt.NDArray[np.int64]:
    """Where each id stands among the known ones, which are sorted; all must be known."""
    return ids.cast(pl.Enum(known)).to_physical().to_numpy().astype(np.int64)


def _vectors(table: pl.DataFrame, entity: str) -> tuple[pl.Series, npt.NDArray[np.float32]]:
    rows = table.filter(entity=entity).sort("id")
    width = rows["vector"].list.len().max() or 0
    vectors = rows["vector"].explode(empty_as_null=False).to_numpy().astype(np.float32)
    return rows["id"], vectors.reshape(rows.height, cast(int, width))


def _folded(
    strangers: pl.DataFrame, items: pl.Series, vectors: npt.NDArray[np.float32]
) -> tuple[pl.Series, npt.NDArray[np.float32]]:
    known = strangers.filter(pl.col("item_id").is_in(items.implode()) & (pl.col("weight") > 0))
    users = known["user_id"].unique().sort()
    weights = known.select(pl.col("weight") / pl.col("weight").sum().over("user_id")).to_series()
    cells = _sparse(
        (places(known["user_id"], users), places(known["item_id"], items)), weights.to_numpy(), (len(users), len(items))
    )
    return users, (cells @ vectors).astype(np.float32)


def _sparse(at: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]], values: Any, shape: tuple[int, int]) -> Any:
    return sparse.coo_array((values, at), shape=shape).tocsr()


def _dense(cells: Any) -> Scores:
    """The stored cells as they are, all others unscored."""
    scores = np.full(cells.shape, UNSCORED)
    rows = np.repeat(np.arange(cells.shape[0]), np.diff(cells.indptr))
    scores[rows, cells.indices] = cells.data
    return scores
