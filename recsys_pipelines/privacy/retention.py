"""Retention: each store forgets what is older than the tenant's policy says, counted from the day of the data.

Whatever belongs to a day goes with its day. Of tables that are made anew each day (catalog, models, features) the
newest day always stays, however old: it is what the tenant works with. Landed files are emptied in place, for ingest
goes by what is there: their rows stay in the lake for as long as events do. A customer's own files are never touched.
Servers read nothing of all this, so they may run; the tenant's lease is held.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import msgspec
import polars as pl
from msgspec.structs import replace

from data_contracts.blobs import Blobs, Entry
from data_contracts.policies import Retention
from recsys_pipelines.lease import hold
from recsys_pipelines.ledger import LandedFile, Ledger, read_ledger
from recsys_pipelines.privacy.kept import RECORD, Retained, retained
from recsys_pipelines.settlement import Days
from recsys_pipelines.workshop import Workshop

DAILY_ROWS = (
    "events",
    "staged_events",
    "day_pairs",
)  # nothing is made anew: old days go, even if there are no newer ones
SHOWN = ("exposures",)


class Expired(msgspec.Struct, frozen=True, kw_only=True):
    """What one store lets go: everything from before a day."""

    store: str
    before: date
    keys: int
    bytes: int
    examples: tuple[str, ...] = ()


class Let(msgspec.Struct, frozen=True, kw_only=True):
    """What was let go, or would be."""

    tenant: str
    today: date
    dry_run: bool
    stores: tuple[Expired, ...]

    @property
    def keys(self) -> int:
        """How many keys in all."""
        return sum(store.keys for store in self.stores)


def retain(shop: Workshop, tenant: str, *, dry_run: bool = False, wait_s: float = 0.0) -> Let:
    """Let go of what is too old; run again, it finds nothing. Raises ``UnknownTenant``, ``RunInProgress``."""
    policy = shop.tenant(tenant).document.privacy.retention
    retention = _Retention(shop, tenant, policy, shop.now().astimezone(UTC).date())
    if dry_run:
        return retention.done(dry_run=True)
    with hold(shop.lake, tenant, holder=f"retain {uuid4()}", now=shop.now, wait_s=wait_s):
        return retention.done(dry_run=False)


@dataclass(frozen=True)
class _Retention:
    shop: Workshop
    tenant: str
    policy: Retention
    today: date

    def done(self, *, dry_run: bool) -> Let:
        """The lake's ledger first, so that nothing names what is deleted then."""
        stores = tuple(store for store in self.found() if store.keys)
        if not dry_run:
            self.record()
            self.forget_in_ledger()
            for blobs, keys in ((self.shop.lake_blobs, self.lake_keys), (self.shop.landing, self.landing_keys)):
                for entry in keys:
                    blobs.delete(entry.key)
            for entry in self.files_to_empty:
                _empty(self.shop.landing, entry.key)
            for path in (*self.reports, *self.access_logs):
                path.unlink(missing_ok=True)
        return Let(tenant=self.tenant, today=self.today, dry_run=dry_run, stores=stores)

    def found(self) -> Iterator[Expired]:
        """What is too old, store by store."""
        policy = self.policy
        yield _expired("lake", self.before(policy.events_days), self.lake_keys)
        yield _expired("landing (logs and dead letters)", self.before(policy.exposures_days), self.landing_keys)
        yield _expired("landing (files emptied)", self.before(policy.landing_days), self.files_to_empty)
        yield _expired_files("reports", self.before(policy.reports_days), self.reports)
        yield _expired_files("access logs", self.before(policy.access_log_days), self.access_logs)

    def before(self, days: int) -> date:
        """The first day that is kept."""
        return self.today - timedelta(days=days)

    def record(self) -> None:
        """Say what does not come back, before it goes."""
        known = retained(self.shop.lake, self.tenant)
        since = max(filter(None, (known.events_from, self.before(self.policy.events_days))))
        emptied = {*known.emptied, *(_file(entry.key) for entry in self.files_to_empty)}
        now = Retained(events_from=since, emptied=tuple(sorted(emptied)))
        self.shop.lake.write_json(RECORD, self.tenant, None, now)

    def forget_in_ledger(self) -> None:
        """No record names a day, or rejected rows, that are about to go."""
        lake, since = self.shop.lake, self.before(self.policy.events_days)
        ledger, tag = lake.read_tagged_json("ledger", self.tenant, None, Ledger)
        if ledger is not None:
            files = tuple(self._shortened(file, since) for file in ledger.files)
            if files != ledger.files:
                lake.swap_json("ledger", self.tenant, None, replace(ledger, files=files), tag=tag)
        settled = lake.read_json("settled", self.tenant, None, Days)
        if settled is not None:
            days = {day: state for day, state in settled.days.items() if day >= since}
            lake.write_json("settled", self.tenant, None, Days(days=days))

    def _shortened(self, file: LandedFile, since: date) -> LandedFile:
        days = {day: rows for day, rows in file.days.items() if day >= since}
        accepted = sum(days.values()) if file.table == "events" else file.accepted
        kept = replace(file, days=days, accepted=accepted)
        if file.landed_at.date() < self.before(self.policy.rejected_days):
            kept = replace(kept, rejected=0, repeated=0, rules={})
        return replace(kept, rows=kept.accepted + kept.rejected + kept.repeated)

    @cached_property
    def lake_keys(self) -> list[Entry]:
        """Days of every table and record of a day, and rejected rows by when their file was landed."""
        part = f"/tenant={self.tenant}/"
        entries = [entry for entry in self.shop.lake_blobs.entries("") if part in f"/{entry.key}"]
        newest: dict[str, date] = {}
        for entry in entries:
            if (day := _day(entry.key)) is not None:
                newest[_table(entry.key)] = max(day, newest.get(_table(entry.key), day))
        refused = {
            f"{stored.part}.parquet"
            for file in read_ledger(self.shop.lake, self.tenant).files
            if file.landed_at.date() < self.before(self.policy.rejected_days)
            for stored in (*file.refused, *file.reasons)
        }
        return [entry for entry in entries if self._is_over(entry, newest) or _is_refused(entry, refused)]

    def _is_over(self, entry: Entry, newest: dict[str, date]) -> bool:
        day, table = _day(entry.key), _table(entry.key)
        if day is None:
            return False
        kept_days = self.policy.exposures_days if table in SHOWN else self.policy.events_days
        stays = table not in (*DAILY_ROWS, *SHOWN) and day == newest[table]
        return day < self.before(kept_days) and not stays

    @cached_property
    def landing_keys(self) -> list[Entry]:
        """Exposures by their day, dead letters by when they were landed."""
        shown = list(self.shop.landing.entries(f"exposures/tenant={self.tenant}/"))
        dead = list(self.shop.landing.entries(f"dead/tenant={self.tenant}/"))
        first_shown, first_dead = self.before(self.policy.exposures_days), self.before(self.policy.landing_days)
        return [
            *(entry for entry in shown if (_day(entry.key) or self.today) < first_shown),
            *(entry for entry in dead if entry.modified.date() < first_dead),
        ]

    @cached_property
    def files_to_empty(self) -> list[Entry]:
        """Pulled files and the server's events that are in the lake already."""
        landed = {file.file for file in read_ledger(self.shop.lake, self.tenant).files if file.fault is None}
        emptied = set(retained(self.shop.lake, self.tenant).emptied)
        prefixes = (f"pulled/tenant={self.tenant}/", f"events/tenant={self.tenant}/")
        entries = [entry for prefix in prefixes for entry in self.shop.landing.entries(prefix)]
        first = self.before(self.policy.landing_days)
        return [
            entry
            for entry in entries
            if _file(entry.key) in landed - emptied and (_day(entry.key) or entry.modified.date()) < first
        ]

    @cached_property
    def reports(self) -> list[Path]:
        """Files of the folders of old days; the proofs of who was forgotten stay."""
        folder, first = self.shop.locations.reports / self.tenant, self.before(self.policy.reports_days)
        days = [path for path in folder.glob("????-??-??") if path.is_dir() and date.fromisoformat(path.name) < first]
        return sorted(path for day in days for path in day.rglob("*") if path.is_file())

    @cached_property
    def access_logs(self) -> list[Path]:
        """Files that a supervisor wrote to ``logs`` under the home; servers themselves write to standard output."""
        first = self.before(self.policy.access_log_days)
        found = (path for path in (self.shop.locations.home / "logs").rglob("*") if path.is_file())
        return sorted(path for path in found if datetime.fromtimestamp(path.stat().st_mtime, UTC).date() < first)


def _expired(store: str, before: date, entries: Iterable[Entry]) -> Expired:
    found = list(entries)
    examples = tuple(entry.key for entry in found[:3])
    size = sum(entry.bytes for entry in found)
    return Expired(store=store, before=before, keys=len(found), bytes=size, examples=examples)


def _expired_files(store: str, before: date, paths: Iterable[Path]) -> Expired:
    found = list(paths)
    size = sum(path.stat().st_size for path in found)
    return Expired(store=store, before=before, keys=len(found), bytes=size, examples=tuple(map(str, found[:3])))


def _empty(landing: Blobs, key: str) -> None:
    """The same file without rows."""
    found = landing.read_tagged(key)
    assert found is not None  # no tag was given that it could still have
    body = b""
    if key.endswith(".parquet"):
        buffer = io.BytesIO()
        pl.read_parquet(io.BytesIO(found.body)).clear().write_parquet(buffer)
        body = buffer.getvalue()
    landing.replace(key, body, found.tag)


def _file(key: str) -> str:
    """What the ledger calls a landed file: by its source, or by the server's log."""
    kind, _, inside = key.split("/", 2)
    return inside.removeprefix("source=") if kind == "pulled" else f"server_log/{inside}"


def _table(key: str) -> str:
    return key.partition("/")[0]


def _day(key: str) -> date | None:
    days = [part.removeprefix("date=") for part in key.split("/") if part.startswith("date=")]
    return date.fromisoformat(days[0]) if days else None


def _is_refused(entry: Entry, names: set[str]) -> bool:
    return _table(entry.key).startswith(("refused_", "rejected")) and entry.key.rpartition("/")[2] in names
