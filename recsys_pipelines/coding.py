"""Events as numbers: persons and items by their places in sorted lists of ids, so that no text is compared twice.

Events come in *parts*, such as the days of a lake. A part is read when its turn comes, two at a time, and only the
columns that are asked for; memory grows by the numbers that are kept of an event (24 bytes for a pair, a time
and a weight) and by the ids of the persons, never by the rows as they stand in the lake.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_pipelines.identity import NOTHING, Known, persons

Ints = npt.NDArray[np.int64]
Parts = Iterable[pl.LazyFrame]
Measure = Callable[[pl.DataFrame], pl.DataFrame]

READING = 2  # parts in memory at a time; Polars uses all cores for each
NOBODY = -1
SUBJECTS = ("user_id", "anonymous_id")
_HALF = 32  # bits of an id's number
_KEY = 63


class Coded(NamedTuple):
    """Events of a person on an item. ``events`` has ``person`` and ``item`` (places in the two lists) and what was
    measured of each, in the order of the parts."""

    persons: pl.Series
    items: pl.Series
    events: pl.DataFrame


class Runs(NamedTuple):
    """Rows in the order of their keys: ``order`` is where they stood, ``starts`` where the next key begins, ``keys``
    the keys there."""

    order: Ints
    starts: Ints
    keys: Ints


class Places:
    """Where ids stand in a list, asked with categories: their numbers index a table, and no text is looked at."""

    def __init__(self, ids: pl.Series) -> None:
        self.ids = ids
        self._words = ids.cast(pl.Categorical)  # kept, for Polars forgets the numbers of words that nobody holds
        numbers = _numbers(self._words)
        self._table = np.full(numbers.max(initial=NOBODY) + 2, NOBODY)
        self._table[numbers] = np.arange(len(ids))

    def __call__(self, words: pl.Series) -> Ints:
        """The place of each id, ``NOBODY`` for ids that are not in the list and for null."""
        return self._table[np.minimum(_numbers(words), len(self._table) - 1)]


class People(NamedTuple):
    """Who is who: the ids of all persons in order, and by subject the place of the person that it is."""

    ids: pl.Series
    places: Ints

    @classmethod
    def of(cls, pairs: Iterable[Ints], known: Known) -> Self:
        """From what ``met`` found in all parts, while a category of them is still held."""
        every = _distinct(np.concatenate([np.zeros(1, np.int64), *pairs]))
        user, device = (every >> _HALF) - 1, (every & ((1 << _HALF) - 1)) - 1
        ids_of = pl.DataFrame(dict(zip(SUBJECTS, (_words(user), _words(device)), strict=True)))
        named = persons(ids_of, known)["user_id"]
        ids = named.drop_nulls().unique().sort()
        table = np.full(user.max(initial=0) + device.max(initial=0) + 4, NOBODY)
        table[np.where(user >= 0, user, -2 - device)] = Places(ids)(named.cast(pl.Categorical))
        return cls(ids, table)

    def __call__(self, subject: pl.Series) -> Ints:
        """The place of each subject's person, or ``NOBODY``."""
        place: Ints = self.places[subject.to_numpy()]
        return place


def coded(parts: Parts, items: pl.Series, columns: Sequence[str], measure: Measure, *, known: Known = NOTHING) -> Coded:
    """The events of known persons on one of ``items`` (sorted, each once).

    ``measure`` gets events with ``columns`` (text as categories), ``subject`` and ``item`` (a place in ``items``); what
    it leaves out does not count, and all its columns but ``subject`` are kept. Who is who is decided over all events.
    """
    place_of = Places(items)

    def read(part: pl.LazyFrame) -> tuple[Ints, pl.DataFrame]:
        rows = part.select(*SUBJECTS, "item_id", *columns).collect().cast({pl.String: pl.Categorical})
        events = rows.select(*columns, subject=subjects(rows), item=place_of(rows["item_id"]))
        counted = events.filter((pl.col("subject") != NOBODY) & (pl.col("item") != NOBODY))
        return met(rows), measure(counted.cast({"subject": pl.Int32, "item": pl.Int32}))

    pairs, measured = zip(*in_turn(read, parts), strict=True)
    people = People.of(pairs, known)
    events = pl.concat(measured)
    person = people(events["subject"])
    return Coded(people.ids, items, events.drop("subject").with_columns(person=person).filter(person != NOBODY))


def subjects(rows: pl.DataFrame) -> Ints:
    """Who each row is said to be of (`SUBJECTS` as categories): the number of a user, or for an event without one the
    anonymous id's, counted down from -2; ``NOBODY`` without either."""
    user, device = (_numbers(rows[name]) for name in SUBJECTS)
    return np.where(user >= 0, user, -2 - device)


def met(rows: pl.DataFrame) -> Ints:
    """The pairs of user and anonymous id (`SUBJECTS` as categories) that occur, each once, as numbers for `People`."""
    user, device = (_numbers(rows[name]) for name in SUBJECTS)
    return _distinct(((user + 1) << _HALF) | (device + 1))


def runs(keys: Ints) -> Runs:
    """Equal keys (whole numbers of at least 0) side by side, each in the order in which they came.

    Key and place are sorted as one number where both fit into 63 bits, which is several times as fast.
    """
    order, ranked = _sorted(keys)
    starts = np.flatnonzero(np.diff(ranked, prepend=-1))
    return Runs(order, starts, ranked[starts])


def in_turn(work: Callable[[pl.LazyFrame], Any], parts: Parts) -> Iterator[Any]:
    """What ``work`` makes of every part, in their order; ``READING`` at a time."""
    with ThreadPoolExecutor(READING) as pool:
        waiting: deque[Future[Any]] = deque()
        for part in parts:
            waiting.append(pool.submit(work, part))
            if len(waiting) == READING:
                yield waiting.popleft().result()
        yield from (each.result() for each in waiting)


def _numbers(words: pl.Series) -> Ints:
    """The numbers of categories, -1 for null."""
    numbers: Ints = words.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    return numbers


def _distinct(keys: Ints) -> Ints:
    """As ``np.unique``, which hashes, in a fifth of the time."""
    ranked = np.sort(keys)
    distinct: Ints = ranked[np.diff(ranked, prepend=-1) != 0]
    return distinct


def _words(numbers: Ints) -> pl.Series:
    """The texts behind the numbers of categories; null for -1."""
    given = pl.Series(numbers).replace(-1, None).cast(pl.UInt32)
    return given.cat.to(pl.Categorical).cast(pl.String)


def _sorted(keys: Ints) -> tuple[Ints, Ints]:
    bits = len(keys).bit_length()
    if int(keys.max(initial=0)).bit_length() + bits > _KEY:
        order = np.argsort(keys, kind="stable")
        return order, keys[order]
    both = (keys << bits) | np.arange(len(keys))
    both.sort()
    return both & ((1 << bits) - 1), both >> bits
