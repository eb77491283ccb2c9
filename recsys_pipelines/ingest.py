"""Ingest: from source files to canonical tables, in two steps that may each be killed and repeated at any point.

``land`` reads what is new or changed and stages its rows; the ledger, written last, says which staged rows count.
``settle`` rewrites the event days whose staged rows changed, and the catalog and users of the day. The same input
twice writes nothing the second time.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from data_contracts.documents import TenantDocument
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import (
    LANDED,
    Identity,
    LandedFile,
    Ledger,
    TableName,
    accepted,
    read_ledger,
    read_rulings,
    sweep,
)
from recsys_pipelines.settlement import settle_events
from recsys_pipelines.staging import Intake


@dataclass(frozen=True)
class Landing:
    """Every file that is in the tenant's sources now; ``files_new`` and ``files_gone`` changed since the last time."""

    tenant: str
    files: tuple[LandedFile, ...]
    files_new: int
    files_gone: int

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)

    @property
    def accepted(self) -> int:
        """Rows that fulfil the contract."""
        return sum(file.accepted for file in self.files)

    @property
    def rejected(self) -> int:
        """Rows that do not."""
        return sum(file.rejected for file in self.files)

    @property
    def days(self) -> tuple[date, ...]:
        """The UTC days that have events, in order."""
        return tuple(sorted({day for file in self.files for day in file.days}))


@dataclass(frozen=True)
class Settled:
    """What stands in the canonical tables now; ``days`` are the event days that have other rows than before."""

    days: tuple[date, ...]
    events: int
    duplicates: int
    items: int
    users: int


def land(document: TenantDocument, folder: Path, lake: Lake, *, environ: Mapping[str, str], now: datetime) -> Landing:
    """Read the files that are new or changed since the last time; ``folder`` is where the document stands.

    A file that cannot be read is landed with its fault. Raises ``UnsetVariable``, ``InvalidDocument``, and
    ``BlobChanged`` if another run landed for this tenant at the same time.
    """
    before, tag = lake.read_tagged_json("ledger", document.tenant, None, Ledger)
    known = {file.identity: file for file in before.files} if before else {}
    intake = Intake(document, folder, lake, environ, now)
    files = tuple(_version(known.get(identity), intake, identity) for identity in intake.identities())
    if before is None or files != before.files:
        lake.swap_json("ledger", document.tenant, None, Ledger(files=files), tag=tag)
    sweep(lake, document.tenant, files)
    there = {file.identity for file in files}
    return Landing(document.tenant, files, len(there - known.keys()), len(known.keys() - there))


def settle(document: TenantDocument, lake: Lake, *, until: date, rewrite: Collection[date] = ()) -> Settled:
    """Bring ``events`` up to date until that day, and write the day's ``items`` and ``users``.

    Days in ``rewrite`` are made again even if nothing about them changed. Files that validation blocked are left out.
    """
    rulings = read_rulings(lake, document.tenant).files
    files = [
        file for file in read_ledger(lake, document.tenant).files if file.id not in rulings or rulings[file.id].passed
    ]
    events = settle_events(lake, document.tenant, files, until, rewrite=rewrite)
    return Settled(
        days=events.days,
        events=events.events,
        duplicates=events.duplicates + sum(file.repeated for file in files),
        items=_snapshot(lake, document.tenant, "items", files, day=until),
        users=_snapshot(lake, document.tenant, "users", files, day=until),
    )


def _version(known: LandedFile | None, intake: Intake, identity: Identity) -> LandedFile:
    """The file as it was landed before; one that had a fault is tried again, for a disk may have been away."""
    if known is not None and known.fault is None:
        return known
    landed = intake.landed(identity)
    return known if known is not None and known.fault == landed.fault else landed


def _snapshot(lake: Lake, tenant: str, table: TableName, files: Collection[LandedFile], *, day: date) -> int:
    """Write the newest row of every key, by key; how many there are."""
    (key,) = LANDED[table].key
    rows = accepted(lake, tenant, table, files).unique(key, keep="last", maintain_order=True)
    newest = rows.select(LANDED[table].names).sort(key).collect()
    lake.write(table, tenant, day, newest)
    return newest.height
