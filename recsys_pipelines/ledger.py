"""The ledger of a tenant: which source files its rows came from, what became of each file, and where its rows wait.

The rows of a file that fulfil the contract wait in ``staged_{table}`` until they are settled, events split by UTC day;
its other rows, as they were mapped, in ``refused_{table}``; the reasons in ``rejected``. All are named by the file's
``id``, which changes with its name, its content and the mapping; so parts of two versions never mix, and what the
ledger does not name is nobody's.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal, NamedTuple

import msgspec
import polars as pl

from data_contracts.tables import EVENTS, ITEMS, ORDERS, REJECTED, USERS, Table
from recsys_pipelines.contract import schema
from recsys_pipelines.lake import Lake, Stored
from recsys_pipelines.sources.source import FaultKind

TableName = Literal["items", "users", "events", "orders"]
LANDED: dict[TableName, Table] = {"items": ITEMS, "users": USERS, "events": EVENTS, "orders": ORDERS}


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing of a file could be used."""

    kind: FaultKind
    message: str


class Content(NamedTuple):
    """What a file says, however it is read."""

    table: TableName
    source: int
    file: str
    fingerprint: str


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a file and of how it is read: same identity, same rows."""

    table: TableName
    source: int  # its place among the table's sources
    file: str
    fingerprint: str
    mapping: str

    @property
    def id(self) -> str:
        """A short digest that names what is kept of this version."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:24]

    @property
    def content(self) -> Content:
        """The same for every mapping."""
        return Content(self.table, self.source, self.file, self.fingerprint)


class LandedFile(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file; ``rows`` = accepted + rejected + repeated. ``rules`` counts rows by broken rule.

    ``landed_at`` is when this content was landed first, also if it was read again since. ``columns`` are those of the
    source with their types, ``findings`` what privacy changed, ``newest`` the newest event, which was accepted.
    """

    identity: Identity
    landed_at: datetime
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    repeated: int = 0
    days: dict[date, int] = {}
    rules: dict[str, int] = {}
    fault: Fault | None = None
    columns: dict[str, str] = {}
    findings: dict[str, int] = {}
    clamped: int = 0
    newest: datetime | None = None

    @property
    def id(self) -> str:
        """The name of its parts in the lake."""
        return self.identity.id

    @property
    def table(self) -> TableName:
        """The table that its rows are meant for."""
        return self.identity.table

    @property
    def file(self) -> str:
        """Its name, as the tenant document spells it."""
        return self.identity.file

    @property
    def staged(self) -> list[Stored]:
        """Where its accepted rows are."""
        name = f"staged_{self.table}"
        if self.table == "events":
            return [Stored(name, day, self.id) for day in sorted(self.days)]
        return [Stored(name, None, self.id)] if self.accepted else []

    @property
    def refused(self) -> list[Stored]:
        """Where its other rows are."""
        return [Stored(f"refused_{self.table}", None, self.id)] if self.rejected + self.repeated else []

    @property
    def reasons(self) -> list[Stored]:
        """Where the reasons for its rejected rows are."""
        return [Stored("rejected", None, self.id)] if self.rejected else []


class ReadUpTo(msgspec.Struct, frozen=True, kw_only=True):
    """How far a source that is outside was read, in its own words, and how many messages of it nobody could read."""

    table: TableName
    source: int
    name: str
    watermark: str
    dead_letters: int = 0


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Every file that is in the tenant's sources now, in the order in which it counts; how far others were read."""

    files: tuple[LandedFile, ...] = ()
    pulled: tuple[ReadUpTo, ...] = ()


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What validation last said about a file, in the verdict of which day."""

    day: date
    passed: bool


class Rulings(msgspec.Struct, frozen=True, kw_only=True):
    """Rulings by the file's id."""

    files: dict[str, Ruling] = {}


def read_ledger(lake: Lake, tenant: str) -> Ledger:
    """The tenant's ledger, empty before anything landed."""
    return lake.read_json("ledger", tenant, None, Ledger) or Ledger()


def read_rulings(lake: Lake, tenant: str) -> Rulings:
    """What validation said about the tenant's files so far."""
    return lake.read_json("rulings", tenant, None, Rulings) or Rulings()


def accepted(lake: Lake, tenant: str, table: TableName, files: Iterable[LandedFile]) -> pl.LazyFrame:
    """The accepted rows of these files, in order: the table's columns and ``row``."""
    parts = [part for file in files if file.table == table for part in file.staged]
    return rows_of(lake, tenant, parts, table)


def rows_of(lake: Lake, tenant: str, parts: Sequence[Stored], table: TableName) -> pl.LazyFrame:
    """The rows of these parts, in order; with no parts, no rows."""
    if parts:
        return lake.scan_parts(parts, tenant)
    return pl.LazyFrame(schema={**schema(LANDED[table]), "row": pl.Int64()})


def rejected(lake: Lake, tenant: str) -> pl.DataFrame:
    """Every rejected row that is in the sources now, once per rule it broke (columns of ``tables.REJECTED``)."""
    parts = [part for file in read_ledger(lake, tenant).files for part in file.reasons]
    found = lake.scan_parts(parts, tenant).collect() if parts else pl.DataFrame(schema=schema(REJECTED))
    return found.sort("table", "file", "row", "rule")


def sweep(lake: Lake, tenant: str, files: Iterable[LandedFile]) -> int:
    """Delete what belongs to none of these files (replaced, removed, or left by a killed run); how much that was."""
    kept = {part for file in files for part in (*file.staged, *file.refused, *file.reasons)}
    tables = ["rejected", *(f"{state}_{table}" for state in ("staged", "refused") for table in LANDED)]
    lost = [part for table in tables for part in lake.parts(table, tenant) if part not in kept]
    for part in lost:
        lake.delete(part, tenant)
    return len(lost)
