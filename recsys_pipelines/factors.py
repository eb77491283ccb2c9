"""Factor models: one vector per user and per item; what they have in common before and after they are learned."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_pipelines.algorithm import schema
from recsys_pipelines.matrix import Matrix

Floats = npt.NDArray[np.floating[Any]]


class Factors(NamedTuple):
    """What was learned: ``users`` and ``items`` are rows of float32, in the order of the matrix's ids."""

    matrix: Matrix
    users: Floats
    items: Floats

    def table(self) -> pl.DataFrame:
        """The vectors of the items, then of the users, each by id."""
        return pl.concat(
            [vectors("item", self.matrix.items, self.items), vectors("user", self.matrix.users, self.users)]
        )


def table(learned: Factors | None) -> pl.DataFrame:
    """The table of shape ``vectors``; no rows if nothing was learned."""
    return pl.DataFrame(schema=schema("vectors")) if learned is None else learned.table()


def vectors(entity: str, ids: pl.Series, rows: Floats) -> pl.DataFrame:
    """One row per id."""
    lists = pl.Series(rows).cast(pl.List(pl.Float32))
    return pl.DataFrame({"entity": entity, "id": ids, "vector": lists}, schema=schema("vectors"))


class Start(NamedTuple):
    """Where learning begins; ``warm`` if an earlier run had any of it."""

    users: Floats
    items: Floats
    warm: bool


def started(matrix: Matrix, previous: pl.DataFrame | None, users: Floats, items: Floats) -> Start:
    """The vectors of the last run, and for ids that it did not know the rows of ``users`` and ``items``.

    Those of a run with another number of factors are of no use and left out.
    """
    if previous is None or previous.is_empty() or previous["vector"].list.len().unique().to_list() != [users.shape[1]]:
        return Start(users, items, warm=False)
    parts = previous.partition_by("entity", as_dict=True)
    warm_users = _known(matrix.users, parts.get(("user",)), users)
    warm_items = _known(matrix.items, parts.get(("item",)), items)
    return Start(warm_users, warm_items, warm=True)


def _known(ids: pl.Series, rows: pl.DataFrame | None, cold: Floats) -> Floats:
    if rows is None:
        return cold
    places = pl.DataFrame({"id": ids}).with_row_index("place").join(rows, on="id", maintain_order="left")
    start = cold.copy()
    if places.height:
        start[places["place"].to_numpy()] = places["vector"].explode().to_numpy().reshape(places.height, -1)
    return start
