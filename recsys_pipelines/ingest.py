"""Ingest: from source files to canonical tables, in two steps that may each be killed and repeated at any point.

``land`` reads what is new or changed and stages its rows; the ledger, written last, says which staged rows count.
``settle`` rewrites the event days whose staged rows changed, and the catalog and users of the day. The same input
twice writes nothing the second time.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from msgspec.structs import replace

from data_contracts.documents import TenantDocument
from data_contracts.pseudonym import Pseudonyms
from recsys_pipelines.catalog.snapshots import snapshot
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import (
    Content,
    Identity,
    LandedFile,
    Ledger,
    ReadUpTo,
    read_ledger,
    read_rulings,
    sweep,
)
from recsys_pipelines.privacy.kept import retained
from recsys_pipelines.settlement import forget_settled, settle_events
from recsys_pipelines.sources.source import Place, Pulled
from recsys_pipelines.staging import Intake


@dataclass(frozen=True)
class Landing:
    """Every file that is in the tenant's sources now; ``files_new`` and ``files_gone`` changed since the last time."""

    tenant: str
    files: tuple[LandedFile, ...]
    files_new: int
    files_gone: int
    pulled: tuple[Pulled, ...] = ()

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
    orders: int = 0


def land(  # noqa: PLR0913 - its circumstances, each by name
    document: TenantDocument,
    place: Place,
    lake: Lake,
    *,
    now: datetime,
    pseudonyms: Pseudonyms | None = None,
    forgotten: frozenset[str] = frozenset(),
    full: bool = False,
) -> Landing:
    """Pull what is outside, and read the files that are new or changed since the last time.

    Rows of people whose pseudonyms are among the ``forgotten`` are left out.
    With ``full`` every file is read again, and every day settled again afterwards, as if nothing were known but when
    each file came first; the result is the same, unless something in the lake was lost or damaged.

    A file that cannot be read is landed with its fault. Raises ``UnsetVariable``, ``InvalidDocument``, and
    ``BlobChanged`` if another run landed for this tenant at the same time.
    """
    found, tag = lake.read_tagged_json("ledger", document.tenant, None, Ledger)
    before = found or Ledger()
    known = {file.identity: file for file in before.files}
    intake = Intake(document, place, lake, now, pseudonyms, forgotten)
    pulled = list(intake.pull())
    landed_at = _first_landings(before.files)
    if full:
        forget_settled(lake, document.tenant)
    gone = retained(lake, document.tenant).emptied
    emptied = {file.identity.content: file for file in before.files if file.file in gone}
    files = tuple(
        emptied[identity.content]  # its rows are in the lake alone: it cannot be read again, nor otherwise
        if identity.content in emptied
        else _version(None if full else known.get(identity), intake, identity, landed_at.get(identity.content, now))
        for identity in intake.identities()
    )
    after = Ledger(files=files, pulled=_read_up_to(before.pulled, [each for _, each in pulled]))
    if after != found:
        lake.swap_json("ledger", document.tenant, None, after, tag=tag)
    sweep(lake, document.tenant, files)
    there = {file.identity for file in files}
    brought = tuple(each for each, _ in pulled)
    return Landing(document.tenant, files, len(there - known.keys()), len(known.keys() - there), brought)


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
        items=snapshot(document, lake, "items", files, day=until),
        users=snapshot(document, lake, "users", files, day=until),
        orders=snapshot(document, lake, "orders", files, day=until) if document.sources.orders else 0,
    )


def _first_landings(files: Iterable[LandedFile]) -> dict[Content, datetime]:
    """When each content was landed first; what could not be read then was not."""
    return {file.identity.content: file.landed_at for file in files if file.fault is None}


def _read_up_to(before: Iterable[ReadUpTo], now: Iterable[ReadUpTo]) -> tuple[ReadUpTo, ...]:
    """How far sources were read; what nobody could read is counted over all pulls."""
    dead = {each.name: each.dead_letters for each in before}
    return tuple(replace(each, dead_letters=each.dead_letters + dead.get(each.name, 0)) for each in now)


def _version(known: LandedFile | None, intake: Intake, identity: Identity, landed_at: datetime) -> LandedFile:
    """The file as it was landed before; one that had a fault is tried again, for a disk may have been away."""
    if known is not None and known.fault is None:
        return known
    landed = intake.landed(identity, landed_at)
    return known if known is not None and known.fault == landed.fault else landed
