"""What state a tenant is in: how far sources were read, rows, what was dropped and why, what is served, what is wrong.

Counts come from the records of the last run and from the metadata of Parquet files, so that asking costs the same for
ten million events as for ten.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime

import msgspec
import polars as pl

from data_contracts.blobs import Blobs
from data_contracts.documents import TenantDocument
from data_contracts.source_specs import ORIGINS, SourceSpec
from recsys_pipelines.lake import Lake, Stored
from recsys_pipelines.lease import Lease, read_lease
from recsys_pipelines.ledger import LANDED, LandedFile, Ledger, TableName, read_ledger, read_rulings
from recsys_pipelines.releases import Release, releases
from recsys_pipelines.settlement import read_settled

TABLES = ("events", "items", "users", "orders", "interactions_served", "exposures", "attributions")


class SourceState(msgspec.Struct, frozen=True, kw_only=True):
    """One source: how far it was read, when it last brought something new, and how old its newest event is."""

    table: TableName
    name: str
    kind: str
    files: int
    rows: int
    newest: datetime | None
    read_up_to: str
    landed_at: datetime | None
    lag_s: float | None
    dead_letters: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `recsys doctor`; ``rows`` are per table and day, ``watermark`` is the newest day of events.

    ``rejected`` and ``clamped`` count rows; ``rejected_by_rule`` counts a row for each rule that it broke.
    """

    tenant: str
    watermark: date | None
    sources: list[SourceState]
    rows: dict[str, dict[str, int]]
    duplicates: int
    rejected: int
    rejected_by_rule: dict[str, int]
    clamped: int
    pii_findings: dict[str, int]
    served: list[Release]
    problems: list[str]


def examine(document: TenantDocument, lake: Lake, store: Blobs, *, now: datetime) -> Health:
    """Look at the lake and the store; changes nothing."""
    tenant, ledger = document.tenant, read_ledger(lake, document.tenant)
    served = [release for release in releases(store, tenant) if release.current]
    watermark = max(lake.days("events", tenant), default=None)
    counts, unreadable = counted(lake, tenant)
    settled = read_settled(lake, tenant)
    return Health(
        tenant=tenant,
        watermark=watermark,
        sources=list(source_states(document, ledger, now)),
        rows=counts,
        duplicates=sum(day.duplicates for day in settled.values()) + sum(file.repeated for file in ledger.files),
        rejected=sum(file.rejected for file in ledger.files),
        rejected_by_rule=summed(file.rules for file in ledger.files),
        clamped=sum(file.clamped for file in ledger.files),
        pii_findings=summed(file.findings for file in ledger.files),
        served=served,
        problems=[
            *_missing(tenant, watermark, served),
            *unreadable,
            *_of_files(ledger, lake, tenant),
            *_of_clocks(document, ledger.files),
            *_of_lease(tenant, read_lease(lake, tenant), now),
        ],
    )


def source_states(document: TenantDocument, ledger: Ledger, now: datetime) -> Iterator[SourceState]:
    """Every source of the document, in its order."""
    pulled = {(each.table, each.source): each for each in ledger.pulled}
    for table in LANDED:
        for number, spec in enumerate(_specs(document, table)):
            files = [file for file in ledger.files if (file.table, file.identity.source) == (table, number)]
            there = [file for file in files if file.fault is None]
            read, newest = pulled.get((table, number)), max((f.newest for f in there if f.newest), default=None)
            yield SourceState(
                table=table,
                name=read.name if read else spec.path or kind_of(spec),
                kind=kind_of(spec),
                files=len(files),
                rows=sum(file.rows for file in files),
                newest=newest,
                read_up_to=read.watermark if read else there[-1].file if there else "",
                landed_at=max((file.landed_at for file in there), default=None),
                lag_s=(now - newest).total_seconds() if newest else None,
                dead_letters=read.dead_letters if read else 0,
            )


def kind_of(spec: SourceSpec) -> str:
    """Where its rows are: path, postgres, kafka or server_log."""
    return next(name for name in ORIGINS if getattr(spec, name))


def counted(lake: Lake, tenant: str) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Rows per table and day, and the partitions that cannot be read."""
    rows: dict[str, dict[str, int]] = {table: {} for table in TABLES}
    unreadable = []
    for table in TABLES:
        for day in lake.days(table, tenant):
            found = lake.scan_parts([Stored(table, day, "part")], tenant).select(pl.len())
            try:
                rows[table][day.isoformat()] = found.collect().item()
            except (pl.exceptions.PolarsError, OSError) as error:
                said = str(error).partition("\n")[0]
                unreadable.append(f"{table} of {day} cannot be read ({said}); `recsys run daily --full` makes it again")
    return rows, unreadable


def summed(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """Counts of several files as one, most first."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items(), key=lambda entry: (-entry[1], entry[0])))


def _specs(document: TenantDocument, table: TableName) -> tuple[SourceSpec, ...]:
    specs: tuple[SourceSpec, ...] = getattr(document.sources, table)
    return specs


def _missing(tenant: str, watermark: date | None, served: list[Release]) -> Iterator[str]:
    if watermark is None:
        yield f"tenant {tenant!r} has no events in the lake; run `recsys run daily --tenant {tenant}`"
    if not served:
        yield f"tenant {tenant!r} serves nothing; no generation was published"


def _of_files(ledger: Ledger, lake: Lake, tenant: str) -> Iterator[str]:
    rulings = read_rulings(lake, tenant).files
    for file in ledger.files:
        if file.fault:
            yield f"{file.file} ({file.table}) cannot be used: {file.fault.message}"
        elif file.id in rulings and not rulings[file.id].passed:
            yield f"{file.file} ({file.table}) is held back by the data checks of {rulings[file.id].day}"
    for read in ledger.pulled:
        if read.dead_letters:
            yield f"{read.name}: {read.dead_letters:,} messages could not be read, and wait with the dead letters"


def _of_clocks(document: TenantDocument, files: Iterable[LandedFile]) -> Iterator[str]:
    for file in files:
        if file.clamped > document.checks.maximum_clamped_share * file.rows:
            yield f"{file.file}: {file.clamped:,} of {file.rows:,} events were ahead of our clock; check the sender's"


def _of_lease(tenant: str, lease: Lease, now: datetime) -> Iterator[str]:
    if lease.holder and lease.is_free(now):
        yield (
            f"the run {lease.holder} of tenant {tenant!r}, begun {lease.taken_at}, did not end; the next run takes over"
        )
