"""The verdict on what landed: every check with what it saw, every file with what became of it; kept beside the tables.

A check of severity ``block`` that fails stops everything downstream, also in a run that was started alone, since each
step asks ``require_passed``. The verdict is plain JSON; no library is needed to read it.
"""

from datetime import date

import msgspec

from data_contracts.errors import ContractError
from data_contracts.policies import Severity
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import TableName

EXAMPLES = 5  # how many offending values a check shows


class BlockedBatch(ContractError):
    """The data may not be used: a blocking check failed, or nobody has checked it."""


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one check saw.

    ``name`` is what a document's ``checks.severity`` names. ``observed`` and ``limit`` are shares from 0 to 1, or
    counts where ``detail`` says so. ``files`` are those at fault, ``examples`` at most five offending values.
    """

    name: str
    table: TableName
    severity: Severity
    passed: bool
    observed: float
    limit: float
    detail: str
    files: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether it failed and stops what comes after."""
        return not self.passed and self.severity == "block"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why rows of a file were rejected: the rule, how many, and at most five of their values."""

    rule: str
    rows: int
    examples: tuple[str, ...]


class FileVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One file; ``fault`` is empty unless nothing of it could be used."""

    file: str
    table: TableName
    rows: int
    accepted: int
    rejected: int
    repeated: int
    passed: bool
    fault: str = ""
    reasons: tuple[Reason, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The word on everything that is in the tenant's sources, as of a run for ``day``.

    ``columns`` are those of each source (TABLE/NUMBER) in the newest file of it that passed, now or before.
    """

    tenant: str
    day: date
    passed: bool
    checks: tuple[CheckResult, ...]
    files: tuple[FileVerdict, ...]
    columns: dict[str, dict[str, str]] = {}

    @property
    def accepted(self) -> int:
        """Rows that fulfil the contract."""
        return sum(file.accepted for file in self.files)

    @property
    def rejected(self) -> int:
        """Rows that do not."""
        return sum(file.rejected for file in self.files)

    @property
    def message(self) -> str:
        """One line that everything is well, or what failed, with file, rows, rule and examples, a line each."""
        failed = [check for check in self.checks if not check.passed]
        head = (
            f"tenant {self.tenant!r}, {self.day}: {len(self.checks) - len(failed)} of {len(self.checks)} checks passed"
        )
        blocking = [check for check in failed if check.severity == "block"]
        warnings = [check for check in failed if check.severity == "warn"]
        lines = [f"- {self._line(check)}" for check in (*blocking, *warnings)]
        return "\n".join([f"{head}{'; the batch is blocked' if blocking else ''}", *lines])

    def _of(self, table: TableName) -> list[FileVerdict]:
        return [file for file in self.files if file.table == table]

    def _line(self, check: CheckResult) -> str:
        read = {file.file: f"{file.rows:,} rows{' read' if file.fault else ''}" for file in self._of(check.table)}
        where = ", ".join(f"{file} ({read[file]})" for file in check.files) or check.table
        such = f"; such as {', '.join(map(repr, check.examples))}" if check.examples else ""
        warning = "warning: " if check.severity == "warn" else ""
        return f"{warning}{where}: {check.detail}{such} [{check.name}]"


def read_verdict(lake: Lake, tenant: str, day: date) -> Verdict | None:
    """What validation said in the run for that day, or None if there was none."""
    return lake.read_json("verdicts", tenant, day, Verdict)


def require_passed(lake: Lake, tenant: str, day: date) -> Verdict:
    """The verdict, if the batch may be used. Raises ``BlockedBatch`` with the verdict's message."""
    verdict = read_verdict(lake, tenant, day)
    if verdict is None:
        raise BlockedBatch(f"nobody has checked the data of tenant {tenant!r} for {day}; validate it first")
    if not verdict.passed:
        raise BlockedBatch(verdict.message)
    return verdict
