"""Popularity: score an item by the share of all interaction weight that it received.

Time and memory grow with the pairs of users and items.
"""

from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from data_contracts.policies import LEARNED_TRAIT
from data_contracts.tables import Shape
from recsys_pipelines.algorithm import TrainingData, schema
from recsys_pipelines.listing import CATEGORY, by_category, ranked, trait_segments
from recsys_pipelines.matrix import Matrix, user_items

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
    of the fourth. So the minimum is never less than 5. As fifty are few, too, every list by trait is joined by
    ``trait_shrinkage`` more people of the average taste (on its own items and those that everybody's list begins with).
    """

    limit: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    half_life_days: Annotated[float, msgspec.Meta(gt=0)] | None = None
    per_category: bool = True
    per_user_segment: bool = False  # needs the users' table; `default` and empty segments read the list for everybody
    per_trait: tuple[Trait, ...] = ()  # needs the users' table
    minimum_people: Annotated[int, msgspec.Meta(ge=5)] = 50  # that a list by trait is learned from
    trait_shrinkage: Annotated[float, msgspec.Meta(ge=0)] = 100.0  # people

    name: ClassVar[str] = "popularity"
    shape: ClassVar[Shape] = "item_scores"

    def __post_init__(self) -> None:
        if LEARNED_TRAIT in self.per_trait:
            raise ValueError(
                f"per_trait: {LEARNED_TRAIT} is learned from events that a test must not know; use categories"
            )

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """The lists, each by score descending, then item id."""
        matrix = user_items(data, self.half_life_days)
        weights = [_everybody(matrix)]
        if self.per_category:
            weights.append(by_category(weights[0], data.catalog))
        if self.per_user_segment or self.per_trait:
            weights.append(self._by_member(matrix, data.users))
        shares = pl.concat(weights).with_columns(score=pl.col("score") / pl.col("score").sum().over("segment"))
        return ranked(shares, self.limit)

    def _by_member(self, matrix: Matrix, users: pl.DataFrame) -> pl.DataFrame:
        """What those in each segment, and those who share a trait, had."""
        rows = pl.DataFrame({"user_id": matrix.users}).with_row_index("row")
        traits = rows.join(trait_segments(users, self.per_trait), on="user_id").select("row", "segment")
        members = traits.filter(pl.col("row").n_unique().over("segment") >= self.minimum_people)
        shared = members["segment"].unique()
        if self.per_user_segment and not users.is_empty():
            members = pl.concat([members, rows.join(_own(users), on="user_id").select("row", "segment")])
        names = members["segment"].unique().sort()
        totals = _totals(matrix, members.unique().sort("row", "segment"), names)
        by_trait = names.is_in(shared.implode()).to_numpy()
        cells = (totals + self._prior(matrix, totals, by_trait) if by_trait.any() else totals).tocoo()
        return pl.DataFrame(
            {"segment": names.gather(cells.row), "item_id": matrix.items.gather(cells.col), "score": cells.data},
            schema=schema("item_scores"),
        )

    def _prior(self, matrix: Matrix, totals: Any, by_trait: npt.NDArray[np.bool_]) -> Any:
        """What is joined to the lists by trait: to the items of each, and to those that everybody's list begins with.

        An item that is neither would not be in the list after its cut, so no list gets longer than both together.
        """
        everybody = np.asarray(matrix.cells.sum(axis=0), dtype=np.float64)
        lists, head = np.flatnonzero(by_trait), np.argsort(-everybody, kind="stable")[: self.limit]
        places = (np.repeat(lists, len(head)), np.tile(head, len(lists)))
        shown = sparse.csr_array((np.ones(len(places[0])), places), shape=totals.shape)
        joined = shown + sparse.diags_array(by_trait.astype(np.float64)) @ totals
        joined.data[:] = self.trait_shrinkage / len(matrix.users)
        return joined.multiply(everybody)


def _everybody(matrix: Matrix) -> pl.DataFrame:
    totals = np.asarray(matrix.cells.sum(axis=0), dtype=np.float64)
    return pl.DataFrame({"segment": "", "item_id": matrix.items, "score": totals}, schema=schema("item_scores"))


def _own(users: pl.DataFrame) -> pl.DataFrame:
    """The users (user_id, segment) in a segment of their own; one that is called as a category's reads its list."""
    named = users.select("user_id", pl.col("segment").cast(pl.String).fill_null(""))
    return named.filter(~pl.col("segment").is_in(["", "default"]) & ~pl.col("segment").str.starts_with(CATEGORY))


def _totals(matrix: Matrix, members: pl.DataFrame, names: pl.Series) -> Any:
    """The weight of every item (columns) in every segment (rows, by ``names``), of its members (row, segment)."""
    places = members["segment"].cast(pl.Enum(names)).to_physical().to_numpy()
    chosen = sparse.csr_array(
        (np.ones(members.height), (places, members["row"].to_numpy())), shape=(len(names), len(matrix.users))
    )
    return chosen @ matrix.cells


ALGORITHM = Popularity
