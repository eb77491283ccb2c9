"""The first places of every user, exactly, a block of users at a time; ties count against the model.

Items of equal score stand in the order: those that the user did not choose in the test, then those that the user did,
each by id. So a model cannot gain by giving everything the same score: a constant one ranks every relevant item last.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_pipelines.algorithm import AlgorithmError, FullScores
from recsys_pipelines.backtest.scoring import UNSCORED, Scores

CELLS_AT_ONCE = 4_000_000  # 32 MB of scores, whatever the number of items
Ints = npt.NDArray[np.int64]


class Asked(NamedTuple):
    """What is to be ranked, each (user_id, item_id).

    ``truth`` names the users and what they chose; ``barred`` may not be recommended; of ``allowed``, where it is given,
    nothing else may.
    """

    truth: pl.DataFrame
    barred: pl.DataFrame
    allowed: pl.DataFrame | None = None


class _Cells(NamedTuple):
    """Pairs by their places in the scores, sorted by user; pairs that the model does not know are left out."""

    users: Ints
    items: Ints

    def between(self, start: int, end: int) -> tuple[Ints, Ints]:
        """Those of a run of users, counted from its start."""
        first, last = np.searchsorted(self.users, [start, end])
        return self.users[first:last] - start, self.items[first:last]


def ranked(full: FullScores, asked: Asked, depth: int) -> pl.DataFrame:
    """The best ``depth`` items of each user in truth (user_id, item_id, rank from 1, score); fewer where fewer score.

    Memory is one block of scores and the answer. Raises ``AlgorithmError`` for a score that is not a number.
    """
    relevant, barred = _cells(asked.truth, full), _cells(asked.barred, full)
    allowed = None if asked.allowed is None else _cells(asked.allowed, full)
    wanted = full.users.is_in(asked.truth["user_id"].unique().implode()).to_numpy()
    blocks = [_none()]
    for start, end in _runs(full, wanted):
        scores = _scored(full, start, end)
        scores[~wanted[start:end]] = UNSCORED
        scores[barred.between(start, end)] = UNSCORED
        if allowed is not None:
            scores = np.where(_marked(scores.shape, allowed.between(start, end)), scores, UNSCORED)
        users, items, ranks = best(scores, _marked(scores.shape, relevant.between(start, end)), depth)
        blocks.append(
            pl.DataFrame(
                {
                    "user_id": full.users.gather(start + users),
                    "item_id": full.items.gather(items),
                    "rank": ranks,
                    "score": scores[users, items].astype(np.float64),
                }
            )
        )
    return pl.concat(blocks)


def best(scores: Scores, relevant: npt.NDArray[np.bool_], depth: int) -> tuple[Ints, Ints, Ints]:
    """Rows, columns and ranks (from 1) of the best ``depth`` of each row, by row and rank.

    >>> best(np.array([[1.0, 2.0, 2.0]]), np.array([[False, True, False]]), 2)[1].tolist()  # the tie is lost
    [2, 1]
    """
    width = scores.shape[1]
    least = (
        np.partition(scores, width - depth, axis=1)[:, width - depth]
        if depth < width
        else np.full(len(scores), UNSCORED)
    )
    rows, columns = np.nonzero((scores >= least[:, None]) & (scores > UNSCORED))
    order = np.lexsort((columns, relevant[rows, columns], -scores[rows, columns], rows))
    rows, columns = rows[order], columns[order]
    ranks = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
    inside = ranks <= depth
    return rows[inside], columns[inside], ranks[inside]


def _runs(full: FullScores, wanted: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Runs of users of about ``CELLS_AT_ONCE`` scores, without those of which nobody is asked for."""
    size = max(1, CELLS_AT_ONCE // max(1, len(full.items)))
    for start in range(0, len(full.users), size):
        end = min(start + size, len(full.users))
        if len(full.items) and wanted[start:end].any():
            yield start, end


def _scored(full: FullScores, start: int, end: int) -> Scores:
    scores = np.array(full.block(start, end))
    if np.isnan(scores).any():
        user, item = np.argwhere(np.isnan(scores))[0]
        raise AlgorithmError(
            f"the score of item {full.items[int(item)]!r} for user {full.users[start + int(user)]!r} is not a number"
        )
    return scores


def _cells(pairs: pl.DataFrame, full: FullScores) -> _Cells:
    coded = pairs.select(
        user=pl.col("user_id").cast(pl.Enum(full.users), strict=False).to_physical().cast(pl.Int64),
        item=pl.col("item_id").cast(pl.Enum(full.items), strict=False).to_physical().cast(pl.Int64),
    )
    known = coded.drop_nulls().sort("user", "item")
    return _Cells(known["user"].to_numpy(), known["item"].to_numpy())


def _marked(shape: tuple[Any, ...], at: tuple[Ints, Ints]) -> npt.NDArray[np.bool_]:
    marked = np.zeros(shape, dtype=np.bool_)
    marked[at] = True
    return marked


def _none() -> pl.DataFrame:
    kinds = {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64, "score": pl.Float64}
    return pl.DataFrame(schema=kinds)
