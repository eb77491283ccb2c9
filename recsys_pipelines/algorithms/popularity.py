"""Popularity: score an item by the share of all interaction weight that it received.

Time and memory grow with the pairs of users and items.
"""

from typing import Annotated, ClassVar

import msgspec
import numpy as np
import polars as pl
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData, schema
from recsys_pipelines.listing import CATEGORY, by_category, ranked, trait_segments
from recsys_pipelines.matrix import Matrix, user_items

LEARNED = "preferred_categories"  # the one trait that is learned from events, also from those that are held out
Trait = Annotated[str, msgspec.Meta(pattern="^[^=:]{1,64}$")]


class Popularity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One list for everybody, one per category (segment ``category:audio``) and, if wanted, one per user segment and
    one per value of a trait (segment ``loyalty=gold``).

    Within each list the scores are shares that sum to 1 before the cut at ``limit``; ties go to the smaller id. The
    weights have decayed already as the tenant's document says, with a half-life per category if it names some;
    ``half_life_days`` makes them decay once more from the
    newest event of each user-item pair, so that a short one gives a list of what is trending. It is hard to beat on
    accuracy alone (Cremonesi, Koren & Turrin, RecSys 2010), which is why it is the baseline.

    ``per_trait`` names traits of the users' table, the one that says most first: a user without a list of the own
    segment gets that of the first trait that has one. A value needs ``minimum_people`` with interactions. A list of
    three shows what these three did to whoever shares the value (k-anonymity: Sweeney, IJUFKS 2002), and says nothing
    of the fourth. So the minimum is never less than 5.
    """

    limit: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    half_life_days: Annotated[float, msgspec.Meta(gt=0)] | None = None
    per_category: bool = True
    per_user_segment: bool = False  # needs the users' table; `default` and empty segments read the list for everybody
    per_trait: tuple[Trait, ...] = ()  # needs the users' table
    minimum_people: Annotated[int, msgspec.Meta(ge=5)] = 50  # that a list by trait is learned from

    name: ClassVar[str] = "popularity"
    shape: ClassVar[Shape] = "item_scores"

    def __post_init__(self) -> None:
        if LEARNED in self.per_trait:
            raise ValueError(f"per_trait: {LEARNED} is learned from events that a test must not know; use categories")

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The lists, each by score descending, then item id."""
        matrix = user_items(data, self.half_life_days)
        weights = [_everybody(matrix)]
        if self.per_category:
            weights.append(by_category(weights[0], data.catalog))
        if self.per_user_segment or self.per_trait:
            weights.append(_of_members(matrix, self._members(matrix, data.users)))
        shares = pl.concat(weights).with_columns(score=pl.col("score") / pl.col("score").sum().over("segment"))
        return ranked(shares, self.limit)

    def _members(self, matrix: Matrix, users: pl.DataFrame) -> pl.DataFrame:
        """Which rows of the matrix are in which segment (row, segment), each pair once, by row and segment."""
        rows = pl.DataFrame({"user_id": matrix.users}).with_row_index("row")
        traits = rows.join(trait_segments(users, self.per_trait), on="user_id").select("row", "segment")
        members = traits.filter(pl.col("row").n_unique().over("segment") >= self.minimum_people)
        if self.per_user_segment and not users.is_empty():
            members = pl.concat([members, rows.join(_own(users), on="user_id").select("row", "segment")])
        return members.unique().sort("row", "segment")


def _everybody(matrix: Matrix) -> pl.DataFrame:
    totals = np.asarray(matrix.cells.sum(axis=0), dtype=np.float64)
    return pl.DataFrame({"segment": "", "item_id": matrix.items, "score": totals}, schema=schema("item_scores"))


def _own(users: pl.DataFrame) -> pl.DataFrame:
    """The users (user_id, segment) in a segment of their own; one that is called as a category's reads its list."""
    named = users.select("user_id", pl.col("segment").cast(pl.String).fill_null(""))
    return named.filter(~pl.col("segment").is_in(["", "default"]) & ~pl.col("segment").str.starts_with(CATEGORY))


def _of_members(matrix: Matrix, members: pl.DataFrame) -> pl.DataFrame:
    """What the members of each segment had."""
    names = members["segment"].unique().sort()
    places = members["segment"].cast(pl.Enum(names)).to_physical().to_numpy()
    chosen = sparse.csr_array(
        (np.ones(members.height), (places, members["row"].to_numpy())), shape=(len(names), len(matrix.users))
    )
    totals = (chosen @ matrix.cells).tocoo()
    return pl.DataFrame(
        {"segment": names.gather(totals.row), "item_id": matrix.items.gather(totals.col), "score": totals.data},
        schema=schema("item_scores"),
    )


ALGORITHM = Popularity
