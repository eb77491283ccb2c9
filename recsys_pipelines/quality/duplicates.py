"""Copies of an event: harmless to the tables, which keep each event once, but a sign of a source that sends twice."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date

import polars as pl

from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.names import REPEATED
from recsys_pipelines.quality.results import Seen, result, share
from recsys_pipelines.verdict import EXAMPLES, CheckResult


def copies(case: Case) -> CheckResult:
    """The share of the batch's rows that are another copy of an event.

    Within a file the ledger has counted them. Across files the ids of a day are read, where the day has several. A copy
    that stands on another day is dropped later, and is not counted here.
    """
    batch, limit = case.batch_of("events"), case.checks.maximum_duplicate_share
    within, rows = sum(file.repeated for file in batch), sum(file.rows for file in batch)
    across = {day: found for day in _shared_days(case) if (found := _across(day, case))}
    beyond = sum(across.values())
    seen = share(within + beyond, rows)
    detail = (
        f"{within + beyond:,} of {rows:,} rows ({seen:.1%}) are further copies of an event, {within:,} in the same "
        f"file and {beyond:,} on the same day of another one; at most {limit:.1%} may be"
    )
    over = tuple(file.file for file in batch if file.repeated > limit * file.rows or across.keys() & file.days.keys())
    ask = "; they are dropped; ask the source why it sends twice" if seen > limit else ""
    return result(REPEATED, case.checks, Seen(seen, limit, detail + ask, over, tuple(_examples(case, across))))


def _shared_days(case: Case) -> list[date]:
    """The days that a file of the batch shares with another file."""
    files = Counter(day for file in case.files for day in file.days)
    return sorted({day for file in case.batch for day in file.days if files[day] > 1})


def _across(day: date, case: Case) -> int:
    """How many rows of the batch repeat an id of the day; by 64-bit hash, which is off by one in a million days."""
    due = {file.id for file in case.batch}
    earlier = case.events([day], [file for file in case.files if file.id not in due])
    return _extra(case.events([day])) - _extra(earlier)


def _extra(events: pl.LazyFrame) -> int:
    ids = pl.col("event_id").hash()
    return int(events.select(ids.len() - ids.n_unique()).collect().item())


def _examples(case: Case, days: Iterable[date]) -> Iterator[str]:
    """A few ids that come more than once."""
    for day in list(days)[:1]:
        several = case.events([day]).select("event_id").filter(pl.col("event_id").is_duplicated())
        yield from several.unique().sort("event_id").head(EXAMPLES).collect()["event_id"]
    for file in case.batch_of("events"):
        if file.repeated:
            further = case.lake.scan_parts(file.refused, case.tenant).slice(file.rejected, EXAMPLES)
            yield from further.select("event_id").collect()["event_id"]
            return
