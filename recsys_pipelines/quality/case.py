"""What one verdict is about: the files that are there, those of them that are due, and where their rows wait.

The *batch* is every file that no verdict of another day has passed: new ones, changed ones, and those that were
blocked. What came before stands in the lake as staged rows too, so a check that compares with earlier days reads those
and not the settled tables: they do not have the batch yet, and after settling they would have it twice.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.policies import Checks
from recsys_pipelines.lake import Lake, Stored
from recsys_pipelines.ledger import LandedFile, Ruling, TableName, accepted, read_ledger, read_rulings, rows_of
from recsys_pipelines.verdict import EXAMPLES, Reason, read_verdict


@dataclass(frozen=True)
class Case:
    """All that the verdict of a run for ``day`` depends on."""

    document: TenantDocument
    lake: Lake
    day: date
    files: Sequence[LandedFile]
    rulings: Mapping[str, Ruling]

    @classmethod
    def of(cls, document: TenantDocument, lake: Lake, day: date) -> "Case":
        """The tenant's files and what was said about them so far."""
        tenant = document.tenant
        return cls(document, lake, day, read_ledger(lake, tenant).files, read_rulings(lake, tenant).files)

    @property
    def tenant(self) -> str:
        """Whose files they are."""
        return self.document.tenant

    @property
    def checks(self) -> Checks:
        """The limits."""
        return self.document.checks

    @cached_property
    def batch(self) -> list[LandedFile]:
        """The files that are due."""
        return [file for file in self.files if self._is_due(file)]

    @cached_property
    def columns(self) -> dict[str, dict[str, str]]:
        """What the last verdict before this day knew of the sources' columns."""
        days = [day for day in self.lake.record_days("verdicts", self.tenant) if day < self.day]
        last = read_verdict(self.lake, self.tenant, days[-1]) if days else None
        return last.columns if last else {}

    @cached_property
    def reasons(self) -> dict[str, tuple[Reason, ...]]:
        """Why rows were rejected, by the file's id, the most frequent rule first."""
        return {file.id: _reasons(self.lake, self.tenant, file) for file in self.files}

    def batch_of(self, table: TableName) -> list[LandedFile]:
        """The files of one table that are due."""
        return [file for file in self.batch if file.table == table]

    def files_of(self, table: TableName) -> list[LandedFile]:
        """All files of one table."""
        return [file for file in self.files if file.table == table]

    def accepted(self, table: TableName, files: Sequence[LandedFile] | None = None) -> pl.LazyFrame:
        """The accepted rows of one table: of these files, or of all."""
        return accepted(self.lake, self.tenant, table, self.files if files is None else files)

    def events(self, days: Collection[date], files: Sequence[LandedFile] | None = None) -> pl.LazyFrame:
        """The accepted events of these days, of these files or of all, copies in other files included."""
        chosen, wanted = self.files if files is None else files, set(days)
        parts = [Stored("staged_events", day, file.id) for file in chosen for day in file.days if day in wanted]
        return rows_of(self.lake, self.tenant, sorted(parts), "events")

    @cached_property
    def judged_days(self) -> list[date]:
        """The days that are compared with others: those of the batch, the newest ones, not those after the run's."""
        days = {day for file in self.batch for day in file.days if day <= self.day}
        return sorted(days)[-self.checks.volume.history_days :]

    def _is_due(self, file: LandedFile) -> bool:
        ruling = self.rulings.get(file.id)
        return ruling is None or not ruling.passed or ruling.day == self.day


def _reasons(lake: Lake, tenant: str, file: LandedFile) -> tuple[Reason, ...]:
    """Why rows of a file were rejected, the most frequent rule first."""
    if not file.reasons:
        return ()
    rows = lake.scan_parts(file.reasons, tenant)
    values = pl.col("value").drop_nulls().unique(maintain_order=True).head(EXAMPLES)
    counts = rows.group_by("rule").agg(rows=pl.len(), examples=values).sort("rows", "rule", descending=[True, False])
    return tuple(
        Reason(rule=rule, rows=rows, examples=tuple(said)) for rule, rows, said in counts.collect().iter_rows()
    )
