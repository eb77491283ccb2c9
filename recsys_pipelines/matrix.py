"""Interactions as a sparse matrix: users in rows, items in columns, both in the order of their ids.

Only what counts is in it: items of the catalog, weights that are not negligible. It depends on neither the order of
the rows nor the number of threads, so whatever is summed over it is the same to the last bit in every run.
"""

from datetime import datetime
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from recsys_pipelines.algorithm import TrainingData

NEGLIGIBLE = 1e-30  # smaller weights are zero: a hundred half-lives, and far from where products underflow


class Matrix(NamedTuple):
    """Every row and every column has at least one cell; ``cells`` is CSR, float64, with sorted indices."""

    users: pl.Series
    items: pl.Series
    cells: sparse.csr_array


def user_items(data: TrainingData, half_life_days: float | None = None) -> Matrix:
    """SAR's affinity: the weights of the interactions, halved for every ``half_life_days`` since the newest event."""
    weight = pl.col("weight") * decay(data.now, half_life_days)
    pairs = _counting(data.interactions, data.catalog["item_id"].unique().sort(), weight)
    users, rows = _coded(pairs["user_id"])
    items, columns = _coded(pairs["item"])
    cells = sparse.coo_array((pairs["weight"].to_numpy(), (rows, columns)), shape=(len(users), len(items))).tocsr()
    cells.sum_duplicates()
    return Matrix(users, items, cells)


def decay(now: datetime, half_life_days: float | None, since: str = "last_ts") -> pl.Expr:
    """What is left of a weight since then, 2^(-age / half-life); what lies in the future has age zero."""
    if half_life_days is None:
        return pl.lit(1.0)
    age_us = (pl.lit(now) - pl.col(since)).dt.total_microseconds().clip(lower_bound=0)
    return 0.5 ** (age_us / (half_life_days * 86_400_000_000))


def _counting(interactions: pl.DataFrame, known: pl.Series, weight: pl.Expr) -> pl.DataFrame:
    item = pl.col("item_id").cast(pl.Enum(known), strict=False)
    pairs = interactions.select("user_id", item=item, weight=weight.cast(pl.Float64))
    return pairs.filter(pl.col("item").is_not_null() & (pl.col("weight") > NEGLIGIBLE))


def _coded(ids: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """The distinct ids in order, and for each row the place of its id among them; sorted ids need no hashing."""
    if ids.dtype == pl.String and ids.is_sorted():
        runs = ids.rle_id()
        return ids.filter(runs.is_first_distinct()), runs.to_numpy().astype(np.int32)
    kind = ids.dtype if isinstance(ids.dtype, pl.Enum) else pl.Enum(ids.unique().sort())
    numbers = ids.cast(kind).to_physical().to_numpy()
    used = np.bincount(numbers, minlength=len(kind.categories)) > 0
    return kind.categories.filter(pl.Series(used)), (np.cumsum(used) - 1)[numbers].astype(np.int32)
