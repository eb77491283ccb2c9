"""The feedback tables of a tenant, day by day; a day is made again only where something that it is made from changed.

Memory holds the events of one day that were outcomes, and of one attribution window before it those that are touches or
say who an anonymous id is, with the exposures that they name.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import msgspec
import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.feedback_tables import OUTCOMES
from recsys_pipelines.feedback.attribution import SHOWN, attributions
from recsys_pipelines.feedback.exposures import read_made
from recsys_pipelines.feedback.funnel import funnel
from recsys_pipelines.feedback.volumes import volumes
from recsys_pipelines.identity import persons, read_known, read_log
from recsys_pipelines.lake import Lake, Stored
from recsys_pipelines.settlement import Day, read_settled

VERSION = 1  # counts up when the same inputs give other rows, so that all days are made again

_EVENT = ("event_id", "ts", "type", "user_id", "anonymous_id", "item_id", "request_id", "amount_minor")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One day of a table: a digest of what it was made from, its rows, and those of them that are credited."""

    inputs: str
    rows: int
    credited: int = 0


class States(msgspec.Struct, frozen=True, kw_only=True):
    """Every day of a table."""

    days: dict[date, State] = {}


@dataclass(frozen=True)
class Brought:
    """The days of a table that were made now, and what stands in all of them."""

    days: tuple[date, ...]
    rows: int
    credited: int = 0


@dataclass(frozen=True)
class _Table:
    """A table of one tenant, with the record of what each of its days was made from."""

    name: str
    lake: Lake
    tenant: str

    def states(self) -> dict[date, State]:
        """What each day was made from."""
        return (self.lake.read_json(f"{self.name}_made", self.tenant, None, States) or States()).days

    def bring(self, inputs: Mapping[date, str], make: Callable[[date], pl.DataFrame]) -> Brought:
        """Make the days whose inputs changed, and forget those that have none any more up to the last that has."""
        before = self.states()
        due = [day for day, digest in inputs.items() if day not in before or before[day].inputs != digest]
        made = {day: self._write(day, make(day), inputs[day]) for day in due}
        gone = [day for day in before if day not in inputs and day <= max(inputs, default=date.min)]
        for day in gone:
            self.lake.delete(Stored(self.name, day, "part"), self.tenant)
        states = {day: state for day, state in sorted((before | made).items()) if day not in gone}
        if states != before:
            self.lake.write_json(f"{self.name}_made", self.tenant, None, States(days=states))
        kept = states.values()
        return Brought(tuple(due), sum(each.rows for each in kept), sum(each.credited for each in kept))

    def _write(self, day: date, rows: pl.DataFrame, inputs: str) -> State:
        self.lake.write(self.name, self.tenant, day, rows)
        credited = rows["method"].count() if "method" in rows.columns else 0
        return State(inputs=inputs, rows=rows.height, credited=credited)


def write_attributions(document: TenantDocument, lake: Lake, *, until: date) -> Brought:
    """Bring ``attributions`` up to date until that day; nothing is done before anything was exposed."""
    tenant = document.tenant
    shown, settled, said = read_made(lake, tenant), read_settled(lake, tenant), read_log(lake, tenant)
    first = min(shown, default=date.max)

    def digest(day: date) -> str:
        window = [(each, _content(settled.get(each)), shown.get(each)) for each in _window(document, day)]
        return _digest((VERSION, document.attribution, said, window))

    inputs = {day: digest(day) for day in sorted({*shown, *settled}) if first <= day <= until}
    return _Table("attributions", lake, tenant).bring(inputs, lambda day: _attributions(document, lake, day))


def write_funnel(lake: Lake, tenant: str) -> Brought:
    """Bring ``funnel`` up to date with ``exposures`` and ``attributions``, which come first."""
    inputs = {day: state.inputs for day, state in _Table("attributions", lake, tenant).states().items()}

    def make(day: date) -> pl.DataFrame:
        return funnel(lake.scan("exposures", tenant, [day]).collect(), lake.read("attributions", tenant, day), day)

    return _Table("funnel", lake, tenant).bring(inputs, make)


def write_volumes(lake: Lake, tenant: str, *, until: date) -> Brought:
    """Bring ``volumes`` up to date with the settled days of events until that day."""
    settled = {day: state for day, state in read_settled(lake, tenant).items() if day <= until}
    inputs = {day: _digest((VERSION, _content(state))) for day, state in settled.items()}
    return _Table("volumes", lake, tenant).bring(inputs, lambda day: volumes(lake.scan("events", tenant, [day])))


def _attributions(document: TenantDocument, lake: Lake, day: date) -> pl.DataFrame:
    days, tenant = _window(document, day), document.tenant
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    touching = pl.col("type").is_in(document.attribution.touches) & pl.col("request_id").is_not_null()
    linking = pl.col("user_id").is_not_null() & pl.col("anonymous_id").is_not_null()
    outcome = (pl.col("ts") >= start) & pl.col("type").is_in(OUTCOMES)
    events = lake.scan("events", tenant, days).select(_EVENT).filter(touching | linking | outcome).collect()
    named = events.lazy().select("request_id").drop_nulls().unique()
    exposures = lake.scan("exposures", tenant, days).select(SHOWN).join(named, on="request_id", how="semi")
    people = persons(events, read_known(lake, tenant, day))
    return attributions(exposures.collect(), people, document.attribution, since=start)


def _window(document: TenantDocument, day: date) -> list[date]:
    """The days that the attribution window before a day reaches, and the day itself."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=document.attribution.window_hours)
    return [start.date() + timedelta(days=n) for n in range((day - start.date()).days + 1)]


def _content(day: Day | None) -> tuple[object, ...] | None:
    """What a settled day's rows follow from, without what other days have to do with it."""
    return None if day is None else (day.files, day.repeats, day.rows)


def _digest(inputs: object) -> str:
    return hashlib.sha256(msgspec.json.encode(inputs, order="deterministic")).hexdigest()[:24]
