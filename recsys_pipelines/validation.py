"""Validation: Great Expectations over what was landed, before any row of it becomes part of a table.

The suites are generated from the same rules as the exact row checks (`recsys_pipelines.contract`), and run over the
mapped rows of every file, the refused ones included, so that bad rows show. ``mostly`` is the tenant's
``maximum_rejected_share``: single bad rows are rejected and kept, a batch of them stops the day. Beside the rules of
rows stand those of files (readable, not empty, not mostly rejected) and of tables (events on items nobody knows).
This is the only module that names great_expectations, inside functions, because importing it takes 8 seconds.
"""

import warnings
from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from data_contracts.documents import Checks, Severity, TenantDocument
from data_contracts.tables import Table
from recsys_pipelines.contract import AHEAD, SUBJECTS, Rule, rules, unreadable_columns
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import (
    LANDED,
    LandedFile,
    Ruling,
    Rulings,
    TableName,
    accepted,
    read_ledger,
    rejected,
    rows_of,
)
from recsys_pipelines.verdict import CheckResult, FileFacts, Verdict

if TYPE_CHECKING:
    import great_expectations.expectations as gxe


EXAMPLES = 5
LANDED_AT = "__landed_at"
SPECIAL = ("not_null", "subject", "item", "not_future")  # checks with a column of their own
FAULTS = {
    "missing": "missing file",
    "empty": "empty file",
    "encoding": "wrong encoding",
    "malformed": "malformed file",
    "columns": "schema drift",
}


def validate(document: TenantDocument, lake: Lake, day: date) -> Verdict:
    """Check everything that is landed, keep the verdict of the day, and say of each file whether it may be settled."""
    files = read_ledger(lake, document.tenant).files
    checks = [
        *(check for file in files for check in of_file(document, lake, file)),
        *(check for table in LANDED for check in of_rows(document, lake, files, table)),
        *of_catalog(document, lake, files),
    ]
    verdict = Verdict(
        tenant=document.tenant,
        day=day,
        passed=all(check.passed or check.severity == "warn" for check in checks),
        checks=tuple(checks),
        files=tuple(facts(file, checks) for file in files),
    )
    lake.write_json("verdicts", document.tenant, day, verdict)
    ruled = {file.id: Ruling(day=day, passed=file.passed) for file in verdict.files}
    lake.write_json("rulings", document.tenant, None, Rulings(files=ruled))
    return verdict


def of_file(document: TenantDocument, lake: Lake, file: LandedFile) -> Iterator[CheckResult]:
    """Whether a file could be read, has rows, and is not mostly rejected."""
    if file.fault is not None:
        detail = f"{file.file}: 0 rows read, {FAULTS[file.fault.kind]}: {file.fault.message}"
        yield file_check(document, file, "readable", detail, passed=False)
        return
    yield file_check(document, file, "readable", f"{file.file}: {file.rows:,} rows read", passed=True)
    if file.table != "users":
        least = document.checks.minimum_rows
        detail = f"{file.file}: {file.rows:,} rows, at least {least:,} expected"
        yield file_check(document, file, "minimum_rows", detail, passed=file.rows >= least)
    if file.rows:
        yield rejected_share(document, lake, file)


def rejected_share(document: TenantDocument, lake: Lake, file: LandedFile) -> CheckResult:
    """Whether few enough rows of a file broke a rule."""
    share, most = file.rejected / file.rows, document.checks.maximum_rejected_share
    by_rule = ", ".join(f"{rows:,} by {rule}" for rule, rows in sorted(file.rules.items(), key=lambda r: (-r[1], r[0])))
    detail = f"{file.file}: {file.rejected:,} of {file.rows:,} rows rejected ({share:.1%}, at most {most:.1%})"
    passed = share <= most
    examples = () if passed else offending(rejected(lake, document.tenant).filter(file=file.file))
    return file_check(document, file, "rejected_share", f"{detail}{by_rule and ': '}{by_rule}", passed, examples)


def of_rows(
    document: TenantDocument, lake: Lake, files: Iterable[LandedFile], table: TableName
) -> Iterator[CheckResult]:
    """What Great Expectations says about the rows of one table, one check per rule."""
    mapped = [
        rows_of(lake, document.tenant, [part], table).with_columns(pl.lit(file.landed_at).alias(LANDED_AT))
        for file in files
        if file.table == table
        for part in (*file.staged, *file.refused)
    ]
    if not mapped:
        return
    rows = prepared(pl.concat(mapped, how="diagonal").collect(), LANDED[table])
    for rule, outcome in expected(rows, LANDED[table], document.checks):
        unexpected = int(outcome.result.get("unexpected_count") or 0)
        values = [value for value in outcome.result.get("partial_unexpected_list") or () if value == value]  # noqa: PLR0124
        yield CheckResult(
            name=rule.key,
            table=table,
            severity=severity(document.checks, rule.key),
            passed=bool(outcome.success),
            observed=f"{unexpected:,} of {rows.height:,} rows",
            detail=f"{table}: {unexpected:,} of {rows.height:,} rows break `{rule.text}`",
            examples=tuple(dict.fromkeys(str(value)[:200] for value in values))[:EXAMPLES],
        )


def of_catalog(document: TenantDocument, lake: Lake, files: Iterable[LandedFile]) -> Iterator[CheckResult]:
    """Whether few enough events are on items that the catalog does not have."""
    landed = list(files)
    events = accepted(lake, document.tenant, "events", landed).select("item_id").drop_nulls().collect()
    items = accepted(lake, document.tenant, "items", landed).select("item_id").collect()
    if events.is_empty():
        return
    strangers = events.join(items, on="item_id", how="anti")
    share, most = strangers.height / events.height, document.checks.maximum_unknown_item_share
    numbers = f"{strangers.height:,} of {events.height:,} rows are on items that the catalog does not have"
    yield CheckResult(
        name="events.item_id.known",
        table="events",
        severity=severity(document.checks, "events.item_id.known"),
        passed=share <= most,
        observed=f"{share:.1%}",
        detail=f"events: {numbers} ({share:.1%}, at most {most:.1%})",
        examples=tuple(strangers["item_id"].unique().sort().head(EXAMPLES)) if share > most else (),
    )


def suite_json(table: Table, checks: Checks = Checks()) -> dict[str, Any]:  # noqa: B008  (frozen)
    """The suite of a table as plain JSON, in the form that Great Expectations reads."""
    return {
        "name": table.name,
        "expectations": [each.configuration.to_json_dict() for _, each in expectations(table, checks)],
    }


def expectations(table: Table, checks: Checks) -> list[tuple[Rule, "gxe.Expectation"]]:
    """One expectation per rule, on the columns that ``prepared`` makes."""
    mostly = 1 - checks.maximum_rejected_share
    return [(rule, expectation(rule, table, mostly, severity(checks, rule.key))) for rule in rules(table)]


def expectation(rule: Rule, table: Table, mostly: float, weight: Severity) -> "gxe.Expectation":
    """The expectation of one rule. Rules that are about several columns have a column of their own."""
    import great_expectations.expectations as gxe  # noqa: PLC0415

    column = table.column(rule.column)
    common: dict[str, Any] = {
        "mostly": mostly,
        "severity": "critical" if weight == "block" else "warning",
        "meta": {"rule": rule.key},
    }
    made: gxe.Expectation
    match rule.check:
        case "type":
            made = gxe.ExpectColumnValuesToBeNull(column=unreadable_columns(table)[rule.column], **common)
        case "not_null" | "subject" | "item":
            made = gxe.ExpectColumnValuesToNotBeNull(column=rule.key, **common)
        case "one_of":
            made = gxe.ExpectColumnValuesToBeInSet(column=rule.column, value_set=list(column.one_of), **common)
        case "pattern":
            made = gxe.ExpectColumnValuesToMatchRegex(column=rule.column, regex=column.pattern or "", **common)
        case "not_future":
            made = gxe.ExpectColumnValuesToBeInSet(column=rule.key, value_set=[True], **common)
        case "unique":
            made = gxe.ExpectColumnValuesToBeUnique(column=rule.column, **common)
        case "minimum" | "maximum":
            low, high = column.minimum, column.maximum
            bound: dict[str, Any] = {"min_value": low} if rule.check == "minimum" else {"max_value": high}
            made = gxe.ExpectColumnValuesToBeBetween(column=rule.column, **bound, **common)
    return made


def prepared(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The rows with all columns that the expectations are about, and no others."""
    missing = [name for name in unreadable_columns(table).values() if name not in rows.columns]
    whole = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
    made = whole.with_columns(special(rule, table).alias(rule.key) for rule in rules(table) if rule.check in SPECIAL)
    asked = {column_of(rule, table) for rule in rules(table)}
    return made.select(name for name in made.columns if name in asked)


def special(rule: Rule, table: Table) -> pl.Expr:
    """The column of a rule that is about several: not null, or true, where the rule is fulfilled."""
    value = pl.col(rule.column)
    match rule.check:
        case "subject":
            return pl.coalesce(*SUBJECTS)
        case "item":
            return pl.coalesce(value, pl.when(pl.col("type") == "custom").then(pl.lit("none needed")))
        case "not_future":
            return (value <= pl.col(LANDED_AT) + AHEAD).fill_null(value=True)
    unreadable = unreadable_columns(table).get(rule.column)
    return value if unreadable is None else pl.coalesce(value.cast(pl.String), pl.col(unreadable))


def column_of(rule: Rule, table: Table) -> str:
    """The column that the rule's expectation is about."""
    if rule.check == "type":
        return unreadable_columns(table)[rule.column]
    return rule.key if rule.check in SPECIAL else rule.column


def expected(rows: pl.DataFrame, table: Table, checks: Checks) -> Iterator[tuple[Rule, Any]]:
    """Every rule with Great Expectations' result; one context per call, since it is cheap and holds state."""
    import great_expectations as gx  # noqa: PLC0415  (8 s)
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415

    wanted = {rule.key: (rule, each) for rule, each in expectations(table, checks)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Great Expectations about itself; none is about the data
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        suite = context.suites.add(gx.ExpectationSuite(name=table.name, expectations=[e for _, e in wanted.values()]))
        asset = context.data_sources.add_pandas("landed").add_dataframe_asset(table.name)
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": rows.to_pandas()})
        found = batch.validate(suite, result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES})
    by_rule = {str(result.expectation_config.meta["rule"]): result for result in found.results}  # type: ignore[union-attr]
    for key, (rule, _) in wanted.items():
        yield rule, by_rule[key]


def facts(file: LandedFile, checks: Iterable[CheckResult]) -> FileFacts:
    """One file of the verdict; its rows go on unless a check about the file itself stops it."""
    stopped = any(each.file == file.id and not each.passed and each.severity == "block" for each in checks)
    return FileFacts(
        id=file.id,
        file=file.file,
        table=file.table,
        rows=file.rows,
        accepted=file.accepted,
        rejected=file.rejected,
        repeated=file.repeated,
        passed=not stopped,
        rules=file.rules,
    )


def file_check(  # noqa: PLR0917  (one row of a table)
    document: TenantDocument, file: LandedFile, name: str, detail: str, passed: bool, examples: tuple[str, ...] = ()
) -> CheckResult:
    """A check about a file as a whole; ``events.file.readable`` is what a document calls it."""
    key = f"{file.table}.file.{name}"
    return CheckResult(
        name=key,
        table=file.table,
        severity=severity(document.checks, key),
        passed=passed,
        observed=f"{file.rows:,} rows",
        detail=detail,
        examples=examples,
        file=file.id,
    )


def severity(checks: Checks, key: str) -> Severity:
    """What a failed check does: it blocks, unless the tenant document says otherwise."""
    return checks.severity.get(key, "block")


def offending(rows: pl.DataFrame) -> tuple[str, ...]:
    """The most frequent offending values of rejected rows (columns of ``tables.REJECTED``), most first."""
    counts = rows.drop_nulls("value").group_by("value").len().sort("len", "value", descending=[True, False])
    return tuple(counts["value"].head(EXAMPLES))
