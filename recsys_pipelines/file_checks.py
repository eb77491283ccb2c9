"""Checks that a suite of expectations cannot express: on whole files, on items nobody knows, on days without events.

Each gives one result, under a name that does not depend on the data; the files at fault are in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import get_args

import msgspec
import polars as pl

from data_contracts.policies import Checks
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import LandedFile, TableName, accepted
from recsys_pipelines.sources.source import FaultKind
from recsys_pipelines.suites import severity
from recsys_pipelines.verdict import EXAMPLES, CheckResult, Reason

Reasons = Mapping[str, tuple[Reason, ...]]  # by the file's id, the most frequent first

_FAULTS: dict[FaultKind, str] = {
    "missing": "every file that the document names is there",
    "empty": "no file is empty",
    "encoding": "every file is text in the encoding that the document names",
    "malformed": "every file is what its format says",
    "columns": "every file has the columns that the mapping needs",
}


def file_checks(
    table: TableName, files: Sequence[LandedFile], reasons: Reasons, checks: Checks
) -> Iterator[CheckResult]:
    """What every file of one table must fulfil."""
    for kind in get_args(FaultKind):
        yield _readable(table, kind, files, checks)
    if table != "users":
        yield _enough_rows(table, files, checks)
    yield _few_rejected(table, files, reasons, checks)


def known_items(
    lake: Lake, tenant: str, files: Sequence[LandedFile], batch: Sequence[LandedFile], *, checks: Checks
) -> CheckResult:
    """How many events of ``batch`` are on items that the catalog, from all ``files``, does not have."""
    name, limit = "events.item_id.known", checks.maximum_unknown_item_share
    catalog = accepted(lake, tenant, "items", files).select("item_id").unique().collect().to_series()
    events = [file for file in batch if file.days]
    rows = [accepted(lake, tenant, "events", [file]).select("item_id", id=pl.lit(file.id)) for file in events]
    counts = _unknown(pl.concat(rows).collect() if rows else pl.DataFrame(schema=_ITEM_OF_FILE), catalog)
    unknown, total = int(counts["unknown"].sum()), int(counts["events"].sum())
    over = counts.filter(pl.col("unknown") > limit * pl.col("events"))
    share = unknown / total if total else 0.0
    return CheckResult(
        name=name,
        table="events",
        severity=severity(name, checks),
        passed=share <= limit,
        observed=share,
        limit=limit,
        detail=f"{unknown:,} of {total:,} events ({share:.1%}) are on items that the catalog does not have, "
        f"at most {limit:.1%} may be",
        files=tuple(file.file for file in batch if file.id in set(over["id"])) if share > limit else (),
        examples=tuple(counts["examples"].explode().drop_nulls().unique().sort().head(EXAMPLES)),
    )


def few_gaps(files: Sequence[LandedFile], checks: Checks) -> CheckResult:
    """Days between the first and the last event that have none; a gap is often a day that was never delivered."""
    days = sorted({day for file in files for day in file.days})
    span = (days[-1] - days[0]).days + 1 if days else 0
    gaps = [day for day in (days[0] + timedelta(days=n) for n in range(span)) if day not in set(days)]
    name = "events.ts.gaps"
    return CheckResult(
        name=name,
        table="events",
        severity=severity(name, checks),
        passed=not gaps,
        observed=len(gaps),
        limit=0,
        detail=f"{len(gaps)} of {span} days between the first and the last event have no event",
        examples=tuple(map(date.isoformat, gaps[:EXAMPLES])),
    )


_ITEM_OF_FILE = {"item_id": pl.String, "id": pl.String}


def _unknown(items: pl.DataFrame, catalog: pl.Series) -> pl.DataFrame:
    """Per file: ``events`` on any item, how many of them are ``unknown``, and which items those are."""
    known = pl.col("item_id").is_in(catalog.implode())
    examples = pl.col("item_id").filter(~known).unique().sort().head(EXAMPLES)
    return items.drop_nulls().group_by("id").agg(events=pl.len(), unknown=(~known).sum(), examples=examples)


def _readable(table: TableName, kind: FaultKind, files: Sequence[LandedFile], checks: Checks) -> CheckResult:
    at_fault = [file for file in files if file.fault and file.fault.kind == kind]
    said = "; ".join(file.fault.message for file in at_fault if file.fault)
    return _of_files(table, kind, at_fault, checks, detail=said or _FAULTS[kind])


def _enough_rows(table: TableName, files: Sequence[LandedFile], checks: Checks) -> CheckResult:
    least = checks.minimum_rows
    short = [file for file in files if not file.fault and file.rows < least]
    return _of_files(table, "rows", short, checks, detail=f"a file must have at least {least} rows of data")


def _few_rejected(table: TableName, files: Sequence[LandedFile], reasons: Reasons, checks: Checks) -> CheckResult:
    limit = checks.maximum_rejected_share
    over = [file for file in files if file.rejected > limit * file.rows]
    counts = [f"{file.rejected:,} of {file.rows:,} rows rejected ({file.rejected / file.rows:.1%})" for file in over]
    because = [reasons[file.id][0] for file in over]
    rules = [f"{each.rule} ({each.rows:,} rows)" for each in because]
    said = "; ".join(f"{count}, most by {rule}" for count, rule in zip(counts, rules, strict=True))
    result = _of_files(
        table, "rejected_share", over, checks, detail=f"{said or 'rejected rows'}; at most {limit:.1%} may be"
    )
    worst = max((file.rejected / file.rows for file in files if file.rows), default=0.0)
    examples = tuple(dict.fromkeys(value for each in because for value in each.examples))[:EXAMPLES]
    seen: CheckResult = msgspec.structs.replace(result, observed=worst, limit=limit, examples=examples)
    return seen


def _of_files(
    table: TableName, check: str, at_fault: Sequence[LandedFile], checks: Checks, *, detail: str
) -> CheckResult:
    """Passed if no file is at fault; ``observed`` counts them."""
    name = f"{table}.file.{check}"
    return CheckResult(
        name=name,
        table=table,
        severity=severity(name, checks),
        passed=not at_fault,
        observed=len(at_fault),
        limit=0,
        detail=detail,
        files=tuple(file.file for file in at_fault),
    )
