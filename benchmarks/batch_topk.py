"""The best 50 unseen items of every user over ``implicit``'s ``recommend``, and over the bare products of the vectors.

50,000 items, 16,384 users, 64 and 128 factors, about 40 items seen by each user. The peer recommends in batches of
1,000, as its documentation shows; the floor makes the scores by tiles with one thread of BLAS per core, and looks at
none. Aims: at least 1.25 x the users per second of the peer, and at least 0.5 x those of the floor. All three run in
turns, `ROUNDS` times; the ratios are the medians of the rounds'. That the same items are listed is checked.
"""

import statistics
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from implicit.als import AlternatingLeastSquares  # type: ignore[import-untyped]  # no stubs
from scipy import sparse  # type: ignore[import-untyped]  # no stubs
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no stubs

from recsys_pipelines.threads import crew
from recsys_pipelines.topk import ITEMS as TILE_ITEMS
from recsys_pipelines.topk import USERS as TILE_USERS
from recsys_pipelines.topk import Unwanted, best_products

ROUNDS = 5
USERS, ITEMS, SEEN, K = 16_384, 50_000, 40, 50
BATCH = 1_000
Floats = npt.NDArray[np.float32]


class World(NamedTuple):
    """Vectors, and what was seen as CSR."""

    users: Floats
    items: Floats
    seen: Any


class Cost(NamedTuple):
    """Of listing all users."""

    wall_s: float
    cpu_s: float


def main() -> int:
    """Print a line per number of factors; how many of them list other items than the peer does."""
    print(
        f"{'factors':>8}{'users/s':>10}{'x implicit':>12}{'x floor':>9}{'CPU / implicit':>16}   rounds against implicit"
    )
    return sum(shown(factors) for factors in (64, 128))


def shown(factors: int) -> int:
    """One line; whether other items are listed."""
    world = made(factors)
    calls: tuple[Callable[[], Any], ...] = tuple(partial(call, world) for call in (ours, peer, floor))
    differs = int(not same(ours(world), peer(world)))
    rounds = [[cost(call) for call in calls] for _ in range(ROUNDS)]
    faster = [theirs.wall_s / mine.wall_s for mine, theirs, _ in rounds]
    share = [bare.wall_s / mine.wall_s for mine, _, bare in rounds]
    cpu = [mine.cpu_s / theirs.cpu_s for mine, theirs, _ in rounds]
    speed = USERS / statistics.median(mine.wall_s for mine, _, _ in rounds)
    print(
        f"{factors:8}{speed:10.0f}{statistics.median(faster):12.2f}{statistics.median(share):9.2f}"
        f"{statistics.median(cpu):16.2f}   {', '.join(f'{ratio:.2f}' for ratio in faster)}"
        f"{'   OTHER ITEMS THAN THE PEER' if differs else ''}",
        flush=True,
    )
    return differs


def made(factors: int) -> World:
    """Vectors as a factor model leaves them: popular items are longer; what was seen is drawn by popularity."""
    rng = np.random.default_rng(0)
    popularity = 1 / np.arange(1, ITEMS + 1) ** 0.8
    lengths = rng.permutation(popularity**0.25).astype(np.float32)
    users, items = (rng.normal(size=(count, factors)).astype(np.float32) for count in (USERS, ITEMS))
    places = np.repeat(np.arange(USERS), SEEN), rng.choice(ITEMS, USERS * SEEN)
    seen = sparse.coo_matrix((np.ones(USERS * SEEN, np.float32), places), shape=(USERS, ITEMS)).tocsr()
    return World(users, items * lengths[:, None], seen)


def ours(world: World) -> npt.NDArray[np.int32]:
    """The suite's lists."""
    return best_products(world.users, world.items, K, Unwanted.of(world.seen)).items


def peer(world: World) -> npt.NDArray[np.int32]:
    """implicit's lists, by batches."""
    with threadpool_limits(1, user_api="blas"):
        model = AlternatingLeastSquares(factors=world.users.shape[1])
        model.user_factors, model.item_factors = world.users, world.items
        lists = [
            model.recommend(np.arange(start, min(start + BATCH, USERS)), world.seen[start : start + BATCH], N=K)[0]
            for start in range(0, USERS, BATCH)
        ]
    return np.concatenate(lists)


def floor(world: World) -> None:
    """The scores alone."""

    def products(start: int) -> None:
        tile = np.empty((TILE_USERS, TILE_ITEMS), np.float32)
        rows = world.users[start : start + TILE_USERS]
        for first in range(0, ITEMS, TILE_ITEMS):
            near = world.items[first : first + TILE_ITEMS]
            np.matmul(rows, near.T, out=tile[: len(rows), : len(near)])

    with crew(0) as each:
        each(products, range(0, USERS, TILE_USERS))


def same(one: npt.NDArray[np.int32], other: npt.NDArray[np.int32]) -> bool:
    """The same items for all users but those where two scores differ by less than a rounding."""
    return bool((np.sort(one) == np.sort(other)).mean() > 0.9999)


def cost(call: Callable[[], object]) -> Cost:
    """Wall and processor seconds of one call."""
    wall, cpu = perf_counter(), process_time()
    call()
    return Cost(perf_counter() - wall, process_time() - cpu)


if __name__ == "__main__":
    sys.exit(main())
