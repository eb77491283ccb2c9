"""Canonical days of events: which of them must be made again, and each event once.

Copies of an event are dropped within a day, the earliest time first, and on every day that has another copy within
``REPEAT_WINDOW`` before it. So a day depends on its own staged files and on the ids of the window before it, and on
nothing else.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl
from msgspec.structs import replace

from recsys_pipelines.lake import Lake, Stored
from recsys_pipelines.ledger import LandedFile

REPEAT_WINDOW = timedelta(days=30)
MAKERS = 4  # days in memory at a time; so that is what memory grows with, and with the hashes of the window's ids

Sources = Mapping[date, tuple[str, ...]]  # the ids of the files that have events of a day, in the order they count


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What a day was made from: files by id; digests of the files before it and of the copies that were left out."""

    files: tuple[str, ...]
    rows: int
    duplicates: int
    window: str = ""
    repeats: str = ""


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """Every settled day of a tenant."""

    days: dict[date, Day] = {}


class Rewritten(NamedTuple):
    """Which days have other rows than before, and how many events and dropped copies there are in all."""

    days: tuple[date, ...]
    events: int
    duplicates: int


def settle_events(
    lake: Lake, tenant: str, files: Iterable[LandedFile], until: date, *, rewrite: Collection[date]
) -> Rewritten:
    """Make the days until ``until`` again whose files changed or whose copies did, and those in ``rewrite``."""
    before = read_settled(lake, tenant)
    sources = _by_day(files, until)
    stored = lake.days("events", tenant)
    gone = {day for day in (*before, *stored) if day <= until and day not in sources}
    stale = _stale(sources, before, stored, rewrite)
    touched = [day for day in sources if day in stale or before[day].window != _window(sources, day)]
    repeats = _repeats(lake, tenant, sources, touched)
    due = [day for day, ids in repeats.items() if day in stale or before[day].repeats != _digest(ids)]
    with ThreadPoolExecutor(MAKERS) as pool:
        made = dict(
            zip(due, pool.map(lambda day: _make(lake, tenant, day, sources, repeats=repeats[day]), due), strict=True)
        )
    for day in gone:
        lake.delete(Stored("events", day, "part"), tenant)
    kept = {day: state for day, state in before.items() if day not in gone}
    same = {day: replace(before[day], window=_window(sources, day)) for day in touched if day not in made}
    states = kept | same | {day: state for day, (state, _) in made.items()}
    lake.write_json("settled", tenant, None, Days(days=dict(sorted(states.items()))))
    return _totals({*gone, *(day for day, (_, is_new) in made.items() if is_new)}, states)


def read_settled(lake: Lake, tenant: str) -> dict[date, Day]:
    """Every settled day of a tenant."""
    return (lake.read_json("settled", tenant, None, Days) or Days()).days


def forget_settled(lake: Lake, tenant: str) -> None:
    """Make every day due: nothing is known any more about how it was made."""
    lake.write_json("settled", tenant, None, Days())


def _by_day(files: Iterable[LandedFile], until: date) -> dict[date, tuple[str, ...]]:
    found: dict[date, tuple[str, ...]] = {}
    for file in files:
        for day in file.days:
            found[day] = (*found.get(day, ()), file.id)
    return {day: found[day] for day in sorted(found) if day <= until}


def _stale(
    sources: Sources, before: Mapping[date, Day], stored: Collection[date], rewrite: Collection[date]
) -> set[date]:
    """The days whose own files changed, that are not there, or that are to be made anyhow."""
    return {
        day
        for day, files in sources.items()
        if day in rewrite or day not in stored or day not in before or before[day].files != files
    }


def _window(sources: Sources, day: date) -> str:
    """The files of the window before a day; while they are the same, so are the copies that it leaves out."""
    return _digest([id for each, ids in sources.items() if day - REPEAT_WINDOW <= each < day for id in ids])


def _repeats(lake: Lake, tenant: str, sources: Sources, days: list[date]) -> dict[date, list[str]]:
    """For each of these days the events that are already on a day of the window before it, sorted.

    First by 64-bit hash, which finds all and perhaps a few too many, so that the ids themselves are rarely compared;
    of the events of the window no more than their hashes (8 bytes each) is held.
    """
    if not days:
        return {}
    near = [day for day in sources if days[0] - REPEAT_WINDOW <= day <= days[-1]]
    ids = {day: _scan(lake, tenant, day, sources).select(pl.lit(day).alias("day"), "event_id") for day in near}
    hash = pl.col("event_id").hash()
    hashes = np.concatenate([rows.select(hash).unique().collect().to_series().to_numpy() for rows in ids.values()])
    hashes.sort()
    twice = pl.Series(hashes[1:][hashes[1:] == hashes[:-1]], dtype=pl.UInt64).unique().implode()
    copies = pl.concat([rows.filter(hash.is_in(twice)).unique().collect() for rows in ids.values()])
    since = pl.col("day") - pl.col("day").shift().over("event_id")
    late = copies.sort("event_id", "day").filter(since <= REPEAT_WINDOW)
    found = {day: rows["event_id"].to_list() for (day,), rows in late.group_by("day", maintain_order=True)}
    return {day: found.get(day, []) for day in days}


def _make(lake: Lake, tenant: str, day: date, sources: Sources, *, repeats: list[str]) -> tuple[Day, bool]:
    staged = _scan(lake, tenant, day, sources).collect()
    ids = staged.lazy().select("event_id", "ts").with_row_index("place").filter(~pl.col("event_id").is_in(repeats))
    in_order = ids.sort("ts", "event_id", maintain_order=True)  # so that whole rows are moved once, at the end
    first = in_order.unique("event_id", keep="first", maintain_order=True).select("place").collect()
    events = staged.drop("row")[first["place"]]
    is_new = lake.write("events", tenant, day, events)
    duplicates = staged.height - events.height
    return Day(
        files=sources[day],
        window=_window(sources, day),
        repeats=_digest(repeats),
        rows=events.height,
        duplicates=duplicates,
    ), is_new


def _scan(lake: Lake, tenant: str, day: date, sources: Sources) -> pl.LazyFrame:
    return lake.scan_parts([Stored("staged_events", day, file) for file in sources[day]], tenant)


def _digest(ids: list[str]) -> str:
    return hashlib.sha256("\n".join(ids).encode()).hexdigest() if ids else ""


def _totals(changed: Collection[date], states: Mapping[date, Day]) -> Rewritten:
    return Rewritten(
        tuple(sorted(changed)),
        sum(state.rows for state in states.values()),
        sum(state.duplicates for state in states.values()),
    )
