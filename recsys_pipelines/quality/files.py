"""Checks on whole files: can they be read, do they have rows, are not too many of those rejected?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from data_contracts.policies import Checks
from recsys_pipelines.ledger import LandedFile, TableName
from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.names import FAULTS, of_file
from recsys_pipelines.quality.results import Seen, result, share
from recsys_pipelines.sources.source import FaultKind
from recsys_pipelines.verdict import CheckResult, Reason

Reasons = Mapping[str, tuple[Reason, ...]]  # by the file's id, the most frequent first


def file_checks(table: TableName, case: Case) -> Iterator[CheckResult]:
    """What every file of one table must fulfil."""
    files, checks = case.files_of(table), case.checks
    for kind in get_args(FaultKind):
        yield _readable(table, kind, files, checks)
    if table != "users":
        yield _enough_rows(table, case)
    yield _few_rejected(table, files, case.reasons, checks)


def _readable(table: TableName, kind: FaultKind, files: Sequence[LandedFile], checks: Checks) -> CheckResult:
    at_fault = [file for file in files if file.fault and file.fault.kind == kind]
    said = "; ".join(file.fault.message for file in at_fault if file.fault)
    names = tuple(file.file for file in at_fault)
    return result(of_file(table, kind), checks, Seen(len(at_fault), 0, said or FAULTS[kind], names))


def _enough_rows(table: TableName, case: Case) -> CheckResult:
    """A file that somebody delivers has rows; what is pulled comes in pieces, of which any may be small."""
    least, specs = case.checks.minimum_rows, getattr(case.document.sources, table)
    delivered = [file for file in case.files_of(table) if not file.fault and specs[file.identity.source].path]
    short = tuple(file.file for file in delivered if file.rows < least)
    seen = Seen(len(short), 0, f"a file must have at least {least} rows of data", short)
    return result(of_file(table, "rows"), case.checks, seen)


def _few_rejected(table: TableName, files: Sequence[LandedFile], reasons: Reasons, checks: Checks) -> CheckResult:
    """The worst file counts, so that one bad file among many good ones does not get lost."""
    limit = checks.maximum_rejected_share
    over = [file for file in files if share(file.rejected, file.rows) > limit]
    because = [reasons[file.id][0] for file in over]
    said = "; ".join(map(_few_words, over, because))
    seen = Seen(
        observed=max((share(file.rejected, file.rows) for file in files), default=0.0),
        limit=limit,
        detail=f"{said or 'rejected rows'}; at most {limit:.1%} may be",
        files=tuple(file.file for file in over),
        examples=tuple(value for each in because for value in each.examples),
    )
    return result(of_file(table, "rejected_share"), checks, seen)


def _few_words(file: LandedFile, why: Reason) -> str:
    rejected = f"{file.rejected:,} of {file.rows:,} rows rejected ({share(file.rejected, file.rows):.1%})"
    return f"{rejected}, most by {why.rule} ({why.rows:,} rows)"
