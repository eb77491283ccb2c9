"""What a second stage learns from: the candidates of past requests with their features, and which turned out right.

The candidates come from the ranking core over a fit that ended before the outcomes happened, and so do the features:
the same function computes them here and in the server. Memory: about 200 candidates x 20 features x 8 bytes per user.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_contracts.documents import Ranking
from recsys_algo.bundle import Bundle
from recsys_algo.rank import recommend
from recsys_algo.ranker import feature_names
from recsys_algo.second_stage import lesson
from recsys_algo.situation import Query, Trace
from recsys_pipelines.replay import Fixture
from recsys_pipelines.second_stage.errors import Leak
from recsys_pipelines.second_stage.weights import Lists

Array = NDArray[Any]


class Lesson(NamedTuple):
    """The candidates of several users, those of a user together, best first by the plain blend.

    ``matrix`` is candidates x features (see `ranker.feature_names`); ``wanted`` counts per user what turned out right,
    candidates or not.
    """

    sources: tuple[str, ...]
    matrix: Array
    user: Array
    relevant: Array
    wanted: Array

    @property
    def lists(self) -> Lists:
        """The same, as far as learned weights need it."""
        names = feature_names(self.sources)
        worths = self.matrix[:, [names.index(f"{source}.rank") for source in self.sources]]
        return Lists(worths, self.user, self.relevant, self.wanted)

    def of_users(self, chosen: Array) -> "Lesson":
        """Those of the users (numbers, in order) alone, numbered anew."""
        rows = np.isin(self.user, chosen)
        numbers = np.searchsorted(chosen, self.user[rows])
        return Lesson(self.sources, self.matrix[rows], numbers, self.relevant[rows], self.wanted[chosen])


def lesson_of(bundle: Bundle, asked: Fixture) -> Lesson:
    """What the plain blend of ``bundle`` would have offered the fixture's users, and what they did."""
    sources = sources_of(bundle.ranking)
    wanted = _wanted(bundle, asked)
    found = [lesson(_trace(bundle, asked, user), sources) for user in asked.users]
    lengths = [len(items) for items, _ in found]
    return Lesson(
        sources,
        np.concatenate([np.zeros((0, len(feature_names(sources)))), *(matrix for _, matrix in found)]),
        np.repeat(np.arange(len(found)), lengths),
        np.concatenate(
            [
                np.zeros(0, np.bool_),
                *(np.isin(items, wanted[user]) for user, (items, _) in zip(asked.users, found, strict=True)),
            ]
        ),
        np.array([len(wanted[user]) for user in asked.users], np.int64),
    )


def sources_of(ranking: Ranking) -> tuple[str, ...]:
    """What the surface asks, by name."""
    return tuple(sorted(name for name, weight in ranking.weights.items() if weight > 0))


def _trace(bundle: Bundle, asked: Fixture, user: str) -> Trace:
    return recommend(bundle, Query(k=bundle.ranking.k, now=asked.cut, user_id=user)).trace


def _wanted(bundle: Bundle, asked: Fixture) -> dict[str, Array]:
    """The items, by index, that each user turned out to want."""
    by_user = asked.truth.group_by("user_id").agg(pl.col("item_id"))
    return {user: bundle.catalog.ids.find_all(items) for user, items in by_user.iter_rows()}


def require_blind(pairs: pl.DataFrame, asked: Fixture, fit: str) -> None:
    """Refuse a fit that has seen any interaction from the outcomes' days on (columns of ``tables.INTERACTIONS``)."""
    late = pairs.filter(pl.col("last_ts") >= asked.cut)
    if late.height:
        user, item, at = late.sort("last_ts", "user_id", "item_id").select("user_id", "item_id", "last_ts").row(0)
        raise Leak(
            f"the {fit} fit has {late.height} interactions from {asked.cut:%Y-%m-%d} on, such as that of user {user!r} "
            f"with item {item!r} on {at:%Y-%m-%d %H:%M}; a second stage learns from outcomes that no source has seen"
        )


def users_with_hits(found: Lesson) -> Sequence[int]:
    """The users, by number, of whom at least one candidate turned out right: others say nothing about an order."""
    return np.unique(found.user[found.relevant]).tolist()  # type: ignore[no-any-return]
