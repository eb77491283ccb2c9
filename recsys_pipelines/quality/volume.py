"""Is a day's volume unlike the days before it: how many events of each type, and how they spread over the hours?

``counts`` has one row per (day, hour, type) with its number of ``events``. A day is compared with the median of at most
``volume.history_days`` days before it, in robust standard deviations (1.4826 x the median absolute deviation; Leys et
al., 2013, J. Exp. Soc. Psychology), but no smaller ones than chance alone makes: the root of the median for a count.
"""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_contracts.policies import Checks, Volume
from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.names import VOLUME_BY_HOUR, VOLUME_BY_TYPE
from recsys_pipelines.quality.results import Seen, result
from recsys_pipelines.verdict import CheckResult

HOURS = 24
Hours = NDArray[np.float64]  # events by hour of a day
_MAD_TO_DEVIATION = 1.4826  # of a normal distribution


class Odd(NamedTuple):
    """How many robust standard deviations something is from what is usual, and that in words."""

    deviations: float
    words: str


def event_counts(case: Case, days: Collection[date]) -> pl.DataFrame:
    """Events by (day, hour, type) of these days and of those that they are compared with; reads two columns."""
    span = case.checks.volume.history_days
    wanted = {day - timedelta(days=n) for day in days for n in range(span + 1)}
    found = case.events(wanted).select("type", day=pl.col("ts").dt.date(), hour=pl.col("ts").dt.hour())
    return found.group_by("day", "hour", "type").agg(events=pl.len()).sort("day", "hour", "type").collect()


def judged_days(case: Case) -> list[date]:
    """The newest days of the batch, and the day of the run even if it has no event at all."""
    return sorted({*case.judged_days, case.day} if case.files_of("events") else ())


def before(day: date, there: Collection[date], volume: Volume) -> list[date]:
    """The days that a day is compared with: those before it, but none before the first event."""
    first = max(min(there, default=day), day - timedelta(days=volume.history_days))
    return [first + timedelta(days=n) for n in range((day - first).days)]


def volume_by_type(counts: pl.DataFrame, days: Sequence[date], checks: Checks) -> CheckResult:
    """The worst day and type of ``days``; a type that vanished has no events, and counts."""
    by_type = _by_type(counts)
    odd = [
        _odd_count(f"{day}: {type}", series.get(day, 0), [series.get(past, 0) for past in history], checks.volume)
        for day, history in _compared(counts, days, checks.volume)
        for type, series in by_type.items()
    ]
    return _result(VOLUME_BY_TYPE, [each for each in odd if each], checks)


def volume_by_hour(counts: pl.DataFrame, days: Sequence[date], checks: Checks) -> CheckResult:
    """The worst day of ``days``: its distance from the usual shares of the hours, against that of the days before."""
    spread = _by_hour(counts)
    odd = [
        _odd_spread(day, spread.get(day), [spread[past] for past in history if past in spread], checks.volume)
        for day, history in _compared(counts, days, checks.volume)
    ]
    return _result(VOLUME_BY_HOUR, [each for each in odd if each], checks)


def deviations(value: float, history: Sequence[float], least: float) -> float:
    """How many robust standard deviations, none smaller than ``least``, a value is from the median of its history."""
    median = float(np.median(history))
    spread = _MAD_TO_DEVIATION * float(np.median(np.abs(np.asarray(history) - median)))
    return float(abs(value - median) / max(spread, least))


def _compared(counts: pl.DataFrame, days: Sequence[date], volume: Volume) -> list[tuple[date, list[date]]]:
    """Each day that has enough days before it, with those."""
    there = counts["day"].unique().to_list()
    found = [(day, before(day, there, volume)) for day in days]
    return [(day, history) for day, history in found if len(history) >= volume.minimum_days]


def _odd_count(what: str, value: int, history: Sequence[int], volume: Volume) -> Odd | None:
    usual = float(np.median(history))
    if usual < volume.minimum_events:
        return None
    far = deviations(value, history, usual**0.5)
    return Odd(far, f"{what} {value:,} events, usually {usual:,.0f} ({far:.1f} deviations)")


def _odd_spread(day: date, hours: Hours | None, history: Sequence[Hours], volume: Volume) -> Odd | None:
    if hours is None or len(history) < volume.minimum_days or hours.sum() < volume.minimum_events:
        return None
    usual = np.median([_shares(past) for past in history], axis=0)
    far = deviations(
        _distance(hours, usual), [_distance(past, usual) for past in history], 0.1 * (HOURS / hours.sum()) ** 0.5
    )
    worst = int(np.argmax(np.abs(_shares(hours) - usual)))
    return Odd(
        far,
        f"{day}: {_shares(hours)[worst]:.0%} of the events at {worst:02d}:00 UTC, usually {usual[worst]:.0%} "
        f"({far:.1f} deviations)",
    )


def _distance(hours: Hours, usual: Hours) -> float:
    """The share of events that would have to move to other hours (total variation)."""
    return float(np.abs(_shares(hours) - usual).sum() / 2)


def _shares(hours: Hours) -> Hours:
    return hours / max(1.0, float(hours.sum()))


def _by_type(counts: pl.DataFrame) -> dict[str, dict[date, int]]:
    found: dict[str, dict[date, int]] = {}
    for type, day, events in counts.group_by("type", "day").agg(pl.col("events").sum()).sort("type", "day").iter_rows():
        found.setdefault(type, {})[day] = events
    return found


def _by_hour(counts: pl.DataFrame) -> dict[date, Hours]:
    found: dict[date, Hours] = {}
    for day, hour, events in counts.group_by("day", "hour").agg(pl.col("events").sum()).iter_rows():
        found.setdefault(day, np.zeros(HOURS))[hour] = events
    return found


def _result(name: str, odd: Sequence[Odd], checks: Checks) -> CheckResult:
    limit = checks.volume.deviations
    if not odd:
        detail = (
            f"no day of the batch has {checks.volume.minimum_days} days before it and a usual number of events of at "
            f"least {checks.volume.minimum_events}, so nothing is said"
        )
        return result(name, checks, Seen(0, limit, detail))
    worst = sorted(odd, key=lambda each: (-each.deviations, each.words))
    far = tuple(each.words for each in worst if each.deviations > limit)
    ask = "; look whether a delivery is missing or came twice" if far else ""
    detail = f"furthest from the days before: {worst[0].words}, at most {limit:g} may be{ask}"
    return result(name, checks, Seen(worst[0].deviations, limit, detail, examples=far[1:]))
