"""EASE's inverse of the regularised Gram matrix over ``numpy.linalg.inv`` of the same one, at 10,000 items.

Ours is in tiles of float32 and in place, NumPy's in float64 as EASE is usually written; aim: a ratio of at most 0.2.
Both use all cores and are run in turns, `ROUNDS` times; the ratio is the median of the rounds'. The weights of both
are compared. A number of items may be given as an argument.
"""

import statistics
import sys
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from recsys_pipelines.gram import Gram, bytes_of, gram, invert

ROUNDS = 5
ITEMS, USERS, EVENTS = 10_000, 20_000, 1_000_000
L2 = 400.0


class Cost(NamedTuple):
    """Of one inverse."""

    wall_s: float
    cpu_s: float


def main() -> int:
    """Print a line per round, and the medians."""
    items = int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS
    had = cells(items)
    print(f"{items} items: {bytes_of(items) / 1e6:.0f} MB in tiles, {8e-6 * items**2:.0f} MB as a matrix of float64")
    print(f"{'numpy s':>10}{'ours s':>10}{'ratio':>8}{'CPU ratio':>11}{'weights differ by':>20}")
    rounds = [shown(had) for _ in range(ROUNDS)]
    walls, cpus = ([getattr(ours, name) / getattr(peer, name) for peer, ours in rounds] for name in Cost._fields)
    print(f"median ratio {statistics.median(walls):.2f} (CPU {statistics.median(cpus):.2f})")
    return 0


def cells(items: int) -> Any:
    """What users had: popularity by a power law, activity log-normal."""
    rng = np.random.default_rng(0)
    popularity, activity = 1 / np.arange(1, items + 1) ** 0.8, rng.lognormal(size=USERS)
    places = (
        rng.choice(USERS, EVENTS, p=activity / activity.sum()),
        rng.choice(items, EVENTS, p=popularity / popularity.sum()),
    )
    had = sparse.coo_array((np.ones(EVENTS), places), shape=(USERS, items)).tocsr()
    had.data[:] = 1
    return had


def shown(had: Any) -> tuple[Cost, Cost]:
    """One round: NumPy, then ours."""
    tiles = gram(had, L2)
    whole = full(tiles).astype(np.float64)
    wall, cpu = perf_counter(), process_time()
    inverse = np.linalg.inv(whole)
    peer = Cost(perf_counter() - wall, process_time() - cpu)
    del whole
    wall, cpu = perf_counter(), process_time()
    ours = invert(tiles)
    cost = Cost(perf_counter() - wall, process_time() - cpu)
    print(
        f"{peer.wall_s:10.2f}{cost.wall_s:10.2f}{cost.wall_s / peer.wall_s:8.2f}{cost.cpu_s / peer.cpu_s:11.2f}"
        f"{difference(inverse, ours):20.1e}",
        flush=True,
    )
    return peer, cost


def full(matrix: Gram) -> Any:
    """All of it, as one array."""
    return np.concatenate([matrix.stripe(number) for number in range(matrix.stripes)])


def difference(inverse: Any, ours: Gram) -> float:
    """The largest difference of a weight, by stripes."""
    largest = 0.0
    for number in range(ours.stripes):
        start, end = ours.bounds(number)
        weights = ours.stripe(number) / ours.diagonal - inverse[start:end] / inverse.diagonal()
        largest = max(largest, float(abs(weights).max()))
    return largest


if __name__ == "__main__":
    sys.exit(main())
