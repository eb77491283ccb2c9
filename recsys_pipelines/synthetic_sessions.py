"""Visits to a synthetic shop: who comes, looks at what, and how far down the funnel it goes.

A *line* is one item in one session; it becomes one event per step of the funnel that it reaches. A *block* is a part
of one day. Blocks are independent of each other, so that any number of events needs the memory of one block.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recsys_pipelines.synthetic_world import CLUSTERS, STYLES, Bools, Floats, Ints, World, pick

WEEKDAYS = (0.9, 0.85, 0.9, 0.95, 1.1, 1.35, 1.25)  # Monday first
HOURS = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 10, 11, 10, 9, 9, 10, 12, 14, 16, 17, 15, 10, 0)  # none may pass midnight
LINES = (0.30, 0.24, 0.20, 0.13, 0.08, 0.05)  # of sessions with 1, 2, ... lines
DEPTHS = (0.45, 0.25, 0.12, 0.18)  # of lines that end with a view, click, add, purchase
TASTES = (0.66, 0.22, 0.12)  # first cluster, second cluster, any
OWN_STYLE = 0.6
BOTH_BOUGHT = 0.6  # how often a complement is bought along
RECOMMENDED = 0.3
SURFACES = (0.5, 0.4, 0.1)  # home, pdp, cart
CART = 2
CHECKOUT = 3  # the funnel's last step
PURCHASE_DEPTH = 4


class Block(NamedTuple):
    """A part of a day: its quota of events, and how many events stand in the blocks before it."""

    day: int
    part: int
    quota: int
    before: int


@dataclass(frozen=True, kw_only=True)
class Visits:
    """The sessions of one block."""

    person: Ints
    start_s: Ints  # since the first midnight


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Items in sessions, in the order in which they were looked at; ``depth`` counts the steps of the funnel."""

    session: Ints
    item: Ints
    depth: Ints
    surface: Ints
    recommended: Bools
    rank: Ints  # in the recommendation that led here, from 1
    quantity: Ints
    place: Ints  # of the line in its session, from 0


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Events as positions: which line, which step of the funnel (0 view ... 3 purchase), when."""

    line: Ints
    step: Ints
    second: Ints


class Drawn(NamedTuple):
    """One block of events, whole."""

    visits: Visits
    lines: Lines
    steps: Steps


def blocks(world: World, chunk: int) -> Iterator[Block]:
    """The shop's events in blocks of at most ``chunk``, day by day; the quotas add up to ``size.events``."""
    before = 0
    for day, quota in enumerate(quotas(world)):
        parts = -(-quota // chunk)
        for part in range(parts):
            share = quota * (part + 1) // parts - quota * part // parts
            yield Block(day, part, share, before)
            before += share


def quotas(world: World) -> list[int]:
    """Events per day, by the weekday."""
    size = world.size
    weights = [WEEKDAYS[(size.start.weekday() + day) % 7] for day in range(size.days)]
    reached = np.cumsum([0.0, *weights])
    return [int(count) for count in np.diff(np.floor(reached / reached[-1] * size.events + 1e-6))]


def draw(world: World, block: Block) -> Drawn:
    """The block's sessions, lines and events, in the order of time; exactly ``block.quota`` events."""
    rng = world.size.rng("sessions", block.day, block.part)
    visits = _visits(world, block, rng)
    looked = _looked_at(world, visits, block.day, rng)
    lines = _with_complements(world, looked, block.day, rng)
    return Drawn(visits, lines, _steps(visits, lines, block.quota))


def _visits(world: World, block: Block, rng: np.random.Generator) -> Visits:
    """More than are needed: a session has at least one event, and 5 to 6 on average."""
    people, noon = world.people, block.day * 86_400 + 43_200
    count = block.quota // 4 + 40
    active = people.activity * (people.joined_s < noon)
    hour = pick(np.array(HOURS, dtype=float), rng.random(count))
    start = block.day * 86_400 + hour * 3_600 + rng.integers(0, 3_600, count)
    return Visits(person=pick(active, rng.random(count)), start_s=start)


def _looked_at(world: World, visits: Visits, day: int, rng: np.random.Generator) -> Lines:
    per_session = pick(np.array(LINES), rng.random(len(visits.person))) + 1
    session = np.repeat(np.arange(len(visits.person)), per_session)
    count = len(session)
    depth = pick(np.array(DEPTHS), rng.random(count)) + 1
    return Lines(
        session=session,
        item=_items(world, visits.person[session], world.stock.weights(day, world.size.days), rng),
        depth=depth,
        surface=pick(np.array(SURFACES), rng.random(count)),
        recommended=(rng.random(count) < RECOMMENDED) & (depth > 1),
        rank=_ranks(rng.random(count)),
        quantity=_quantities(rng.random(count)),
        place=np.arange(count) - np.searchsorted(session, session),
    )


def _items(world: World, person: Ints, weights: Floats, rng: np.random.Generator) -> Ints:
    """First a cluster by taste, then the person's style or any, then an item by what it sells."""
    people, count = world.people, len(person)
    taste = pick(np.array(TASTES), rng.random(count))
    anything = rng.integers(0, len(CLUSTERS), count)
    cluster = np.choose(taste, [people.cluster[person], people.second_cluster[person], anything])
    own = rng.random(count) < OWN_STYLE
    first_group = cluster * STYLES + np.where(own, people.style[person], 0)
    starts = world.stock.starts()
    ends = starts[first_group + np.where(own, 1, STYLES)]
    items: Ints = pick(weights, rng.random(count), starts[first_group], ends)
    return items


def _with_complements(world: World, lines: Lines, day: int, rng: np.random.Generator) -> Lines:
    """Where a line was bought that something goes with, that may be bought along, as a line of its own."""
    bought = lines.depth == PURCHASE_DEPTH
    partner = world.stock.complement[lines.item]
    along = np.flatnonzero(bought & (partner >= 0) & (rng.random(len(bought)) < BOTH_BOUGHT))
    places = np.concatenate([np.arange(len(bought)), along])
    order = np.argsort(places, kind="stable")
    extra = (np.arange(len(places)) >= len(bought))[order]
    rows = places[order]
    session = lines.session[rows]
    return Lines(
        session=session,
        item=np.where(extra, partner[rows], lines.item[rows]),
        depth=lines.depth[rows],
        surface=np.where(extra, CART, lines.surface[rows]),
        recommended=lines.recommended[rows],
        rank=lines.rank[rows],
        quantity=np.where(extra, 1, lines.quantity[rows]),
        place=np.arange(len(rows)) - np.searchsorted(session, session),
    )


def _steps(visits: Visits, lines: Lines, quota: int) -> Steps:
    """Views and clicks one after the other, and one checkout at the end of the session."""
    line = np.repeat(np.arange(len(lines.depth)), lines.depth)[:quota]
    step = np.arange(len(line)) - np.searchsorted(line, line)
    session = lines.session[line]
    length = np.bincount(lines.session)
    after_s = np.where(step == CHECKOUT, length[session] * 90 + 60, lines.place[line] * 90 + step * 20)
    second = visits.start_s[session] + after_s
    order = np.argsort(second, kind="stable")
    return Steps(line=line[order], step=step[order], second=second[order])


def _ranks(uniform: Floats) -> Ints:
    """1 to 10, the upper ones more often."""
    return 1 + (10 * uniform * uniform).astype(np.int64)


def _quantities(uniform: Floats) -> Ints:
    """Mostly one piece, sometimes two or three."""
    return 1 + (uniform > 0.8).astype(np.int64) + (uniform > 0.95)  # noqa: PLR2004
