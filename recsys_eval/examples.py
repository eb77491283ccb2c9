"""Which lists to show people: of those that changed, the ones that gained most, lost most, and one in between."""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from recsys_eval.errors import UnknownMetric
from recsys_eval.metrics.evaluation import Metrics


class Example(NamedTuple):
    """A user to show, and what this user shows."""

    user_id: str
    why: str


def examples(candidate: Metrics, incumbent: Metrics | None, metric: str) -> tuple[Example, ...]:
    """At most three users: who gained most by ``metric``, who lost most, and one whose value stayed; ties by user.

    Without an incumbent, or where nobody's value changed, there is nothing of the kind and the tuple is empty.

    Stability: internal
    """
    if incumbent is None:
        return ()
    for side in (candidate, incumbent):
        if metric not in side.per_user.columns:
            raise UnknownMetric(f"metric {metric!r} was not measured per user")
    sides = candidate.per_user.select("user_id", now=metric).join(
        incumbent.per_user.select("user_id", before=metric), on="user_id"
    )
    changes = sides.with_columns(change=pl.col("now") - pl.col("before")).sort("user_id")
    return tuple(_chosen(changes))


def _chosen(changes: pl.DataFrame) -> Iterator[Example]:
    gained = changes.filter(pl.col("change") > 0).sort("change", "user_id", descending=[True, False])
    lost = changes.filter(pl.col("change") < 0).sort("change", "user_id")
    for rows, why in ((gained, "gained most"), (lost, "lost most")):
        if rows.height:
            yield Example(rows["user_id"][0], why)
    same = changes.filter((pl.col("change") == 0) & (pl.col("now") > 0))
    if same.height and gained.height + lost.height:
        yield Example(same["user_id"][0], "found as much as before")
