"""Times without events: days that were perhaps never delivered, hours in which a tracker was perhaps down."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from data_contracts.policies import Checks
from recsys_pipelines.ledger import LandedFile
from recsys_pipelines.quality.names import DAY_GAPS, HOUR_GAPS
from recsys_pipelines.quality.results import Seen, result
from recsys_pipelines.quality.volume import before
from recsys_pipelines.verdict import CheckResult

HOURS = 24


def day_gaps(files: Iterable[LandedFile], checks: Checks) -> CheckResult:
    """Days between the first and the last event, of all files, that have none."""
    days = sorted({day for file in files for day in file.days})
    span = (days[-1] - days[0]).days + 1 if days else 0
    there = set(days)
    gaps = [day for day in (days[0] + timedelta(days=n) for n in range(span)) if day not in there]
    detail = f"{len(gaps)} of {span} days between the first and the last event have no event"
    ask = "; ask whether they were delivered" if gaps else ""
    return result(DAY_GAPS, checks, Seen(len(gaps), 0, detail + ask, examples=tuple(map(date.isoformat, gaps))))


def hour_gaps(counts: pl.DataFrame, days: Sequence[date], checks: Checks) -> CheckResult:
    """Hours of ``days`` without an event, though that hour of the day had many in the median of the days before.

    Many are half of ``volume.minimum_events``: people come in visits of several events, so an hour with few of them is
    silent by chance now and then. ``counts`` (day, hour, type, events) holds the history too.
    """
    by_hour = {
        (day, hour): events
        for day, hour, events in counts.group_by("day", "hour").agg(pl.col("events").sum()).iter_rows()
    }
    gaps = [(day, hour) for day in days for hour in _silent(day, by_hour, counts["day"].unique().to_list(), checks)]
    found = tuple(f"{day} {hour:02d}:00" for day, hour in gaps)
    detail = f"{len(gaps)} hours of {len(days)} days have no event, and usually have many (UTC)"
    ask = "; ask whether the tracker was down" if gaps else ""
    return result(HOUR_GAPS, checks, Seen(len(gaps), 0, detail + ask, examples=found))


def _silent(
    day: date, by_hour: Mapping[tuple[date, int], int], there: Collection[date], checks: Checks
) -> Iterator[int]:
    history = before(day, there, checks.volume)
    if len(history) < checks.volume.minimum_days:
        return
    for hour in range(HOURS):
        usual = sorted(by_hour.get((past, hour), 0) for past in history)[len(history) // 2]
        if not by_hour.get((day, hour)) and usual >= checks.volume.minimum_events / 2:
            yield hour
