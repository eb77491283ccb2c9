"""All ranking metrics of 100,000 users with 20 recommendations each, over what pytrec_eval takes in all.

Both start from the same columns: pytrec_eval needs dictionaries of dictionaries, and making them is part of its time,
as checking the columns is part of ours. They take turns, `ROUNDS` times; aim: a ratio of at most 0.15, and values equal
to 1e-9.
"""

import statistics
import sys
from time import perf_counter

import numpy as np
import polars as pl
import pytrec_eval  # type: ignore[import-untyped]  # no stubs

from recsys_eval.metrics import evaluate

ROUNDS = 5
USERS, ITEMS, PLACES = 100_000, 20_000, 20
PEERS = {
    "precision@20": "P_20",
    "recall@20": "recall_20",
    "ndcg@20": "ndcg_cut_20",
    "map@20": "map_cut_20",
    "mrr@20": "recip_rank",
    "hit_rate@20": "success_20",
}
ASKED = {"P.20", "recall.20", "ndcg_cut.20", "map_cut.20", "recip_rank", "success.20"}
Values = dict[str, dict[str, float]]


def main() -> int:
    """Print the times of every round, their ratio, and the largest difference of a value."""
    recs, truth = synthetic()
    ours_s, theirs_s, apart = [], [], 0.0
    for _ in range(ROUNDS):
        start = perf_counter()
        per_user = evaluate(recs, truth, PLACES).per_user
        middle = perf_counter()
        peer = of_peer(recs, truth)
        end = perf_counter()
        ours_s.append(middle - start)
        theirs_s.append(end - middle)
        apart = max(apart, difference(per_user, peer))
    ratios = [mine / peer for mine, peer in zip(ours_s, theirs_s, strict=True)]
    print(f"{USERS:,} users x {PLACES}: {len(PEERS)} metrics of trec_eval, and {per_user.width - 1 - len(PEERS)} more")
    print(f"recsys_eval {statistics.median(ours_s):.2f} s, pytrec_eval in all {statistics.median(theirs_s):.2f} s")
    print(f"ratio {statistics.median(ratios):.3f} (aim 0.15; rounds {', '.join(f'{ratio:.3f}' for ratio in ratios)})")
    print(f"largest difference of a user's value {apart:.1e} (aim 1e-9)")
    return 0


def synthetic() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lists of different items without equal scores, and 1 to 10 relevant items per user, some of them on the list."""
    rng = np.random.default_rng(0)
    first = rng.integers(ITEMS, size=(USERS, 1))
    listed = (first + np.arange(PLACES) * 37) % ITEMS
    users = np.array([f"user-{n:06d}" for n in range(USERS)])
    recs = pl.DataFrame(
        {
            "user_id": np.repeat(users, PLACES),
            "item_id": np.char.add("item-", listed.ravel().astype(str)),
            "rank": np.tile(np.arange(1, PLACES + 1), USERS),
        }
    )
    wanted = rng.integers(1, 11, size=USERS)
    chosen = (np.repeat(first.ravel(), wanted) + rng.integers(60, size=wanted.sum()) * 37) % ITEMS
    truth = pl.DataFrame({"user_id": np.repeat(users, wanted), "item_id": np.char.add("item-", chosen.astype(str))})
    return recs, truth.unique(maintain_order=True)


def of_peer(recs: pl.DataFrame, truth: pl.DataFrame) -> Values:
    """What pytrec_eval says, from the same columns; it reads scores, so the first rank has the highest."""
    run: Values = {}
    for user, item, rank in recs.select("user_id", "item_id", "rank").iter_rows():
        run.setdefault(user, {})[item] = float(PLACES - rank)
    relevant: dict[str, dict[str, int]] = {}
    for user, item in truth.iter_rows():
        relevant.setdefault(user, {})[item] = 1
    evaluated: Values = pytrec_eval.RelevanceEvaluator(relevant, ASKED).evaluate(run)
    return evaluated


def difference(per_user: pl.DataFrame, peer: Values) -> float:
    """The largest difference between a value of ours and theirs."""
    users = per_user["user_id"].to_list()
    apart = [
        np.abs(per_user[ours].to_numpy() - np.array([peer[user][theirs] for user in users])).max()
        for ours, theirs in PEERS.items()
    ]
    return float(max(apart))


if __name__ == "__main__":
    sys.exit(main())
