"""Learned weights without a tenant: ranked lists of several recommenders in, what each of them should count for out.

``lists`` are by source, each a frame (user_id, item_id, rank; rank counts from 1) and, to blend by scores, a column
``score``; ``truth`` is (user_id, item_id), one row per item that turned out right. Users without truth are left out.
To be fair, the lists have to come from models that never saw the truth: fit on the earlier part of the training data,
learn the weights on the later part, fit again on all of it, and only then look at the test data.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import polars as pl

from recsys_algo.blend import DAMPING
from recsys_pipelines.second_stage.weights import Lists, best_weights

By = Literal["rank", "score"]


class NothingToLearn(ValueError):
    """No source, or no user with an outcome: there is nothing that weights could be learned from."""


def learn_weights(
    lists: Mapping[str, pl.DataFrame], truth: pl.DataFrame, *, k: int = 10, by: By = "rank"
) -> dict[str, float]:
    """The weight of each source, adding up to 1, whose blend (see ``blended``) has the best NDCG at ``k`` on the truth.

    Raises ``NothingToLearn``.
    """
    sources = sorted(lists)
    users = truth.select("user_id").unique().sort("user_id").with_row_index("user")
    if not sources or users.is_empty():
        raise NothingToLearn(f"weights need sources and outcomes; there are {len(sources)} and {truth.height} of them")
    wanted = truth.unique(["user_id", "item_id"])
    rows = (
        _worths(lists, by)
        .join(users, on="user_id")
        .join(wanted.select("user_id", "item_id", relevant=True), on=["user_id", "item_id"], how="left")
        .sort("user", "item_id")
    )
    found = Lists(
        worths=rows.select(sources).to_numpy(),
        user=rows["user"].to_numpy().astype(np.int64),
        relevant=rows["relevant"].fill_null(value=False).to_numpy(),
        wanted=wanted.group_by("user_id").len().sort("user_id")["len"].to_numpy(),
    )
    return dict(zip(sources, best_weights(sources, found, k), strict=True))


def blended(
    lists: Mapping[str, pl.DataFrame], weights: Mapping[str, float], *, k: int = 10, by: By = "rank"
) -> pl.DataFrame:
    """The best ``k`` of each user by the weighted sum (user_id, item_id, rank, score); equal scores go by item id.

    By rank, a source gives ``5 / (5 + r)`` to the item at rank ``r`` from 0, as the ranking core does; by score, the
    item's place between the lowest and the highest score of that user's list.
    """
    chosen = {source: rows for source, rows in lists.items() if weights.get(source, 0) > 0}
    if not chosen:
        raise NothingToLearn(f"no source has a weight; the weights are of {', '.join(sorted(weights)) or 'nothing'}")
    score = pl.sum_horizontal(pl.col(source) * weights[source] for source in sorted(chosen)).round(6)
    order = {"descending": [False, True, False]}
    return (
        _worths(chosen, by)
        .select("user_id", "item_id", score=score)
        .sort("user_id", "score", "item_id", **order)  # type: ignore[arg-type]  # a list of flags
        .with_columns(rank=pl.int_range(1, pl.len() + 1).over("user_id"))
        .filter(pl.col("rank") <= k)
        .select("user_id", "item_id", "rank", "score")
    )


def _worths(lists: Mapping[str, pl.DataFrame], by: By) -> pl.DataFrame:
    """(user_id, item_id, one column per source): what each source gives to the item at weight 1."""
    for source, rows in lists.items() if by == "score" else ():
        if not rows["score"].is_finite().all():
            raise ValueError(f"{source}: a score is not a finite number, so its lists cannot be blended by score")
    frames = [
        rows.select("user_id", "item_id", worth=_worth(by), source=pl.lit(source)) for source, rows in lists.items()
    ]
    return (
        pl.concat(frames)
        .pivot(
            "source",
            on_columns=sorted(lists),
            index=["user_id", "item_id"],
            values="worth",
            aggregate_function="max",  # of an item that is listed twice
        )
        .with_columns(pl.col(sorted(lists)).fill_null(0.0))
    )


def _worth(by: By) -> pl.Expr:
    if by == "rank":
        return DAMPING / (DAMPING + pl.col("rank").cast(pl.Float64) - 1)
    low, high = pl.col("score").min().over("user_id"), pl.col("score").max().over("user_id")
    return pl.when(high > low).then((pl.col("score") - low) / (high - low)).otherwise(1.0).cast(pl.Float64)
