"""The hidden truth of a synthetic shop: who likes what, what goes together, what rises, sells out or is new.

Arrays only, one entry per item or per person; items of one (cluster, style) group stand side by side, most popular
first. Everything is made from uniform draws with ``+ - * /``, which are exact everywhere: the same seed gives the
same bytes on every machine, which ``log`` or ``exp`` would not promise.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STYLES = 4
TREND_DAYS = 7
TREND_LIFT = 9.0
DAY_S = 86_400
CLUSTERS = ("audio", "kitchen", "outdoor", "garden", "toys", "office")
STREAMS = ("catalog", "people", "sessions")

ORDINARY, NEW, SELLS_OUT, TRENDING = range(4)
KIND_SHARES = (0.87, 0.04, 0.05, 0.04)
BESTSELLERS = 2  # of each group, always ordinary

CLUSTER_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)  # of people; the first cluster has the most
NEWCOMERS = 0.2
LATE_LOGINS = 0.25


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a shop is, and when. Its last day is ``start + days - 1``."""

    seed: int = 7
    users: int = 600
    items: int = 300
    events: int = 8_000
    days: int = 28
    start: date = date(2026, 1, 1)

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for a shop that is too small to have the structure that it promises."""
        least = {"users": 10, "items": len(CLUSTERS) * STYLES * 2, "events": self.days * 10, "days": 8}
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise ValueError(f"a synthetic shop needs {name} >= {minimum}, not {getattr(self, name)}")

    @property
    def midnight(self) -> datetime:
        """When the first day begins, UTC."""
        return datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC)

    def rng(self, stream: str, *position: int) -> np.random.Generator:
        """Independent random numbers per purpose, so that a block of sessions can be made without those before."""
        return np.random.default_rng([self.seed, STREAMS.index(stream), *position])


@dataclass(frozen=True, kw_only=True)
class Stock:
    """The catalog. ``complement`` is the item bought along with this one, or -1; days count from the first, 0."""

    group: Ints  # cluster * STYLES + style
    rank: Ints  # popularity within the group, from 0
    kind: Ints  # ORDINARY, NEW, SELLS_OUT or TRENDING
    weight: Floats
    sold_out_from: Ints  # the first day without stock
    complement: Ints
    family: Ints  # variants of one product share it; -1: no variants
    number: Ints  # the number in the item's id: says nothing about group or rank

    @property
    def cluster(self) -> Ints:
        """The taste cluster, which is the category."""
        return self.group // STYLES

    def weights(self, day: int, days: int) -> Floats:
        """What sells on that day: nothing that is new or sold out, and more of what trends at the end."""
        lift = np.where((self.kind == TRENDING) & (day >= days - TREND_DAYS), TREND_LIFT, 1.0)
        sells = (self.kind != NEW) & (day < self.sold_out_from)
        selling: Floats = self.weight * lift * sells
        return selling

    def starts(self) -> Ints:
        """Where each group begins, and the number of items at the end."""
        return np.searchsorted(self.group, np.arange(len(CLUSTERS) * STYLES + 1))


@dataclass(frozen=True, kw_only=True)
class People:
    """Users first, then visitors who never log in. Seconds count from the midnight before the first day."""

    users: int
    activity: Floats
    cluster: Ints
    second_cluster: Ints
    style: Ints
    joined_s: Ints  # negative: before the first day
    login_s: Ints  # until then only the anonymous id is known

    @property
    def newcomers(self) -> Bools:
        """Users who joined within the window."""
        return (self.joined_s > 0)[: self.users]


@dataclass(frozen=True, kw_only=True)
class World:
    """The truth behind one shop; ``shop`` shows only what a shop would have written down."""

    size: Size
    stock: Stock
    people: People


def plant(size: Size) -> World:
    """The world of that size and seed."""
    return World(size=size, stock=_stock(size), people=_people(size))


def pick(weights: Floats, uniform: Floats, first: Ints | int = 0, last: Ints | int | None = None) -> Any:
    """For each uniform draw in 0..1 an index in ``first..last`` (exclusive), in proportion to its weight.

    A range without any weight yields its first index.
    """
    total = np.concatenate([[0.0], np.cumsum(weights)])
    low, high = total[first], total[len(weights) if last is None else last]
    found = np.searchsorted(total, low + uniform * (high - low), side="right") - 1
    return np.where(high > low, np.minimum(found, len(weights) - 1), first)


def _stock(size: Size) -> Stock:
    rng = size.rng("catalog")
    group = np.arange(size.items) * (len(CLUSTERS) * STYLES) // size.items
    rank = np.arange(size.items) - np.searchsorted(group, group)
    kind = np.where(rank < BESTSELLERS, ORDINARY, pick(np.array(KIND_SHARES), rng.random(size.items)))
    early, late = size.days // 2, size.days - 2
    out = rng.integers(early, late, size.items)
    return Stock(
        group=group,
        rank=rank,
        kind=kind,
        weight=1.0 / (rank.astype(np.float64) + 2.0),
        sold_out_from=np.where(kind == SELLS_OUT, out, size.days),
        complement=_complements(group, rank, kind == ORDINARY),
        family=_families(rng, rank),
        number=rng.permutation(size.items) + 1,
    )


def _complements(group: Ints, rank: Ints, ordinary: Bools) -> Ints:
    """Every 6th item of a group goes with one of the next cluster, where taste alone would not put it."""
    partner = np.searchsorted(group, (group + STYLES) % (len(CLUSTERS) * STYLES)) + rank + 2
    inside = partner < len(group)
    partner = np.where(inside, partner, 0)
    good = inside & ordinary & ordinary[partner] & (rank % 6 == 1) & (rank[partner] == rank + 2)
    return np.where(good, partner, -1)


def _families(rng: np.random.Generator, rank: Ints) -> Ints:
    """Neighbours in popularity, three by three, are variants of one product with a chance of 1 in 6."""
    first = np.arange(len(rank)) - rank % 3
    alone = np.append(rank[1:] == 0, True)  # nothing comes after it in its group
    return np.where((rng.random(len(rank)) < 1 / 6)[first] & ~alone[first], first, -1)


def _people(size: Size) -> People:
    rng = size.rng("people")
    number = size.users + size.users // 6
    cluster = pick(np.array(CLUSTER_SHARES), rng.random(number))
    joined = np.where(
        rng.random(number) >= NEWCOMERS,
        -rng.integers(DAY_S, 700 * DAY_S, number),
        rng.integers(0, (size.days - 1) * DAY_S, number),
    )
    window_s = size.days * DAY_S
    late = (rng.random(number) < LATE_LOGINS) & (joined < 0)
    login = np.where(late, rng.integers(DAY_S, window_s, number), -window_s)
    login[size.users :] = 10 * window_s
    return People(
        users=size.users,
        activity=1.0 / (0.15 + rng.random(number)),
        cluster=cluster,
        second_cluster=(cluster + rng.integers(1, len(CLUSTERS), number)) % len(CLUSTERS),
        style=rng.integers(0, STYLES, number),
        joined_s=joined,
        login_s=login,
    )


def moment(size: Size, seconds: Ints) -> NDArray[np.datetime64]:
    """Seconds since the first midnight as times."""
    return np.datetime64(size.midnight.replace(tzinfo=None), "us") + seconds.astype("timedelta64[s]")
