"""Which recommendations were right: what all ranking metrics are computed from, matched once for all of them."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_eval.frames import checked_recs, checked_truth

Vector = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Hits:
    """The recommended items that were relevant, and how many there were to find.

    ``users`` are the users **in truth**, sorted, each with ``relevant`` >= 1 items. A hit is a pair of ``user`` (an
    index into ``users``) and ``rank``; hits are sorted by user, then rank.

    Stability: public
    """

    users: pl.Series
    relevant: Ints
    user: Ints
    rank: Ints

    def top(self, k: int) -> "Hits":
        """Only the hits on the first ``k`` places."""
        inside = self.rank <= k
        return replace(self, user=self.user[inside], rank=self.rank[inside])

    def total(self, values: npt.ArrayLike) -> Vector:
        """One value per hit, summed per user; a user without hits has 0."""
        return np.bincount(self.user, weights=values, minlength=len(self.users)).astype(np.float64)

    @property
    def nth(self) -> Ints:
        """Whether a hit is the user's 1st, 2nd, 3rd..."""
        first = np.searchsorted(self.user, self.user, side="left")
        return np.arange(self.user.size) - first + 1


def match(recs: pl.DataFrame, truth: pl.DataFrame) -> Hits:
    """The hits of ``recs`` (user_id, item_id, rank) in ``truth`` (user_id, item_id).

    Rows are joined by hash and then compared, which is exact and takes half the time of a join on two strings.

    Stability: public
    """
    shown, wanted = _keyed(checked_recs(recs)), _keyed(checked_truth(truth))
    users = wanted.group_by("user_id").agg(relevant=pl.len()).sort("user_id").with_row_index("user")
    same = (pl.col("user_id") == pl.col("user_id_right")) & (pl.col("item_id") == pl.col("item_id_right"))
    found = wanted.join(shown, on="key").filter(same)
    hits = found.join(users, on="user_id").select("user", "rank").sort("user", "rank")
    return Hits(
        users=users["user_id"],
        relevant=users["relevant"].to_numpy().astype(np.int64),
        user=hits["user"].to_numpy().astype(np.int64),
        rank=hits["rank"].to_numpy().astype(np.int64),
    )


def _keyed(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.with_columns(key=pairs.select("user_id", "item_id").hash_rows())
