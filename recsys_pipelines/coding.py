"""Events as numbers: persons and items by their places in sorted lists of ids, so that no text is compared twice.

Events come in *parts*, such as the days of a lake. Each part is read when its turn comes, two at a time, and only the
columns that are asked for; memory grows by the numbers that are kept of an event (24 bytes for a pair and a weight) and
by the ids of the persons, never by the rows as they stand in the lake.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_pipelines.identity import persons

Ints = npt.NDArray[np.int64]
Parts = Iterable[pl.LazyFrame]
Measure = Callable[[pl.DataFrame], pl.DataFrame]

READERS = 2  # parts in memory at a time; Polars uses all cores for each
NOBODY = -1
SUBJECTS = ("user_id", "anonymous_id")
_KEY_BITS = 63


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


def coded(parts: Parts, items: pl.Series, columns: Sequence[str], measure: Measure) -> Coded:
    """The events of known persons on one of ``items`` (sorted, each once).

    ``measure`` gets some events with ``columns`` and ``item`` (a place in ``items``); what it leaves out does not
    count, and all its columns but ``subject`` are kept. Who is who is decided over all events, also those.
    """
    codes = pl.Categorical(pl.Categories.random())
    kinds = pl.Enum(items)

    def read(part: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        rows = part.select(*SUBJECTS, "item_id", *columns).collect()
        rows = rows.with_columns(pl.col(*SUBJECTS).cast(codes), item=pl.col("item_id").cast(kinds, strict=False))
        on_items = rows.with_columns(_subject(), item=pl.col("item").to_physical()).drop_nulls(["subject", "item"])
        return rows.select(SUBJECTS).unique(), measure(on_items.drop(*SUBJECTS, "item_id"))

    seen, measured = zip(*in_turn(read, parts), strict=True)
    ids, places = _places(pl.concat(seen).unique())
    events = pl.concat(measured)
    person = places[events["subject"].to_numpy()]
    known = events.drop("subject").with_columns(person=person).filter(pl.col("person") != NOBODY)
    return Coded(ids, items, known)


def runs(keys: Ints) -> Runs:
    """Equal keys (whole numbers of at least 0) side by side, each in the order in which they came.

    Key and place are sorted as one number where both fit into 63 bits, which is several times as fast.
    """
    order, ranked = _sorted(keys)
    starts = np.flatnonzero(np.diff(ranked, prepend=-1))
    return Runs(order, starts, ranked[starts])


def in_turn(work: Callable[[pl.LazyFrame], Any], parts: Parts) -> Iterator[Any]:
    """What ``work`` makes of every part, in their order; ``READERS`` at a time, and no part is asked for before."""
    with ThreadPoolExecutor(READERS) as pool:
        waiting: deque[Future[Any]] = deque()
        for part in parts:
            waiting.append(pool.submit(work, part))
            if len(waiting) == READERS:
                yield waiting.popleft().result()
        yield from (each.result() for each in waiting)


def _subject() -> pl.Expr:
    """The user's number, or else the anonymous id's, counted down from -1."""
    user, device = (pl.col(name).to_physical().cast(pl.Int32) for name in SUBJECTS)
    return pl.coalesce(user, -1 - device).alias("subject")


def _places(pairs: pl.DataFrame) -> tuple[pl.Series, Ints]:
    """The ids of all persons in order, and by subject the place of the person that it is, or ``NOBODY``."""
    named = persons(pairs.with_columns(pl.col(*SUBJECTS).cast(pl.String)))["user_id"]
    ids = named.drop_nulls().unique().sort()
    place = named.cast(pl.Enum(ids)).to_physical().cast(pl.Int64).fill_null(NOBODY).to_numpy()
    subject = pairs.select(_subject()).to_series()
    given = subject.is_not_null().to_numpy()
    numbers = subject.drop_nulls().to_numpy()
    table = np.full(2 * int(np.abs(numbers, dtype=np.int64).max(initial=0)) + 2, NOBODY)
    table[numbers] = place[given]  # negative numbers count from the end
    return ids, table


def _sorted(keys: Ints) -> tuple[Ints, Ints]:
    bits = len(keys).bit_length()
    if int(keys.max(initial=0)).bit_length() + bits > _KEY_BITS:
        order = np.argsort(keys, kind="stable")
        return order, keys[order]
    both = (keys << bits) | np.arange(len(keys))
    both.sort()
    return both & ((1 << bits) - 1), both >> bits
