"""Which of two interleaved rankings people prefer, how sure that is; a user is one voice, however often it spoke."""

from typing import Literal

import msgspec
import numpy as np
import polars as pl

from recsys_eval.interleaving.credit import credits
from recsys_eval.statistics import percentiles, resampled_means

DIGITS = 12


class Preference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is preferred. ``preference`` is the mean over users of -1 (b) to 1 (a), with its interval.

    A user's value is the share of answers that a won less that which b won. ``p_value`` is of the sign test over users
    who lean to one side. ``preferred`` needs that the test is significant and the interval leaves out 0.

    Stability: experimental
    """

    schema: Literal["recsys.interleaving/1"] = "recsys.interleaving/1"
    preferred: Literal["a", "b", "undecided"]
    answers: int
    users: int
    won: dict[str, int]
    credit: dict[str, float]
    users_for_a: int
    users_for_b: int
    preference: float
    low: float
    high: float
    p_value: float
    confidence: float
    resamples: int
    seed: int


def preference(shown: pl.DataFrame, *, confidence: float = 0.95, resamples: int = 2_000, seed: int = 0) -> Preference:
    """The preference in interleaved answers, from one row per shown place (see ``credits``).

    The sign test is exact (Conover, 1999); the interval a percentile bootstrap over users. Ties are half a vote for
    each (Chapelle, Joachims, Radlinski & Yue, 2012, TOIS), so they pull the preference to 0.

    Stability: experimental
    """
    from scipy.stats import binomtest  # type: ignore[import-untyped]  # noqa: PLC0415  # 0.5 s to import

    answers = credits(shown)
    vote = (pl.col("winner") == "a").cast(pl.Int8) - (pl.col("winner") == "b").cast(pl.Int8)
    users = answers.group_by("user_id").agg(value=vote.mean()).sort("user_id")["value"].to_numpy()
    low, high = percentiles(resampled_means(users, resamples, np.random.default_rng(seed)), confidence)
    leaning = int(np.count_nonzero(users > 0)), int(np.count_nonzero(users < 0))
    p_value = float(binomtest(leaning[0], sum(leaning)).pvalue) if any(leaning) else 1.0
    value = float(users.mean())
    sure = p_value <= 1 - confidence and not low <= 0 <= high
    winners = answers["winner"].value_counts()
    return Preference(
        preferred=("a" if value > 0 else "b") if sure else "undecided",
        answers=answers.height,
        users=users.size,
        won={"a": 0, "b": 0, "tie": 0} | dict(winners.iter_rows()),
        credit={name: float(answers[name].sum()) for name in ("a", "b", "nobody")},
        users_for_a=leaning[0],
        users_for_b=leaning[1],
        preference=round(value, DIGITS),
        low=low,
        high=high,
        p_value=round(p_value, DIGITS),
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )
