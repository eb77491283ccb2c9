"""Validation: does what landed fulfil the contract well enough to go on? The only module that names Great Expectations.

The *batch* is every file that no verdict of another day has passed: new ones, changed ones, and those that were
blocked. Its rows, bad ones included, go through the suites of `recsys_pipelines.suites`; checks on whole files
(`recsys_pipelines.file_checks`) look at everything that is there. So a verdict depends on the ledger, the document and
the day, and validating twice changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.policies import Checks
from data_contracts.tables import Table
from recsys_pipelines.contract import Rule, rules, schema, unreadable_columns
from recsys_pipelines.file_checks import few_gaps, file_checks, known_items
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import LANDED, LandedFile, Ruling, Rulings, TableName, read_ledger, read_rulings
from recsys_pipelines.suites import batch_columns, filled_shares, severity, suite_json, with_rule_columns
from recsys_pipelines.verdict import (
    EXAMPLES,
    BlockedBatch,
    CheckResult,
    FileVerdict,
    Reason,
    Verdict,
    read_verdict,
    require_passed,
)

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult

__all__ = ["BlockedBatch", "CheckResult", "Verdict", "read_verdict", "require_passed", "suite_json", "validate"]


class Seen(NamedTuple):
    """What one expectation saw: how many rows there are, how many of them break the rule, and a few of those."""

    passed: bool
    rows: int = 0
    unexpected: int = 0
    examples: tuple[str, ...] = ()


def validate(document: TenantDocument, lake: Lake, *, day: date) -> Verdict:
    """The verdict on all that landed, as of the run for ``day``, kept in the lake for ``require_passed``."""
    rulings = read_rulings(lake, document.tenant).files
    case = _Case.of(document, lake, rulings, day)
    checks = tuple(case.results())
    verdict = Verdict(
        tenant=document.tenant,
        day=day,
        passed=not any(check.blocks for check in checks),
        checks=checks,
        files=tuple(case.verdict_on(file, checks) for file in case.files),
    )
    said = zip(case.files, verdict.files, strict=True)
    now = {file.id: _ruling(rulings.get(file.id), day, passed=each.passed) for file, each in said}
    lake.write_json("rulings", document.tenant, None, Rulings(files=now))
    lake.write_json("verdicts", document.tenant, day, verdict)
    return verdict


def expect(batch: pl.DataFrame, table: Table, checks: Checks) -> dict[str, Seen]:
    """What Great Expectations says about mapped rows, by the rule's key; ``batch`` has ``suites.batch_columns``."""
    if batch.is_empty():
        return {rule.key: Seen(passed=True) for rule in rules(table)}
    import great_expectations as gx  # noqa: PLC0415  (8 to 12 s and 290 MB)
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    suite = context.suites.add(gx.ExpectationSuite(**suite_json(table, checks, filled_shares(batch))))
    asset = context.data_sources.add_pandas("batch").add_dataframe_asset(table.name)
    definition = gx.ValidationDefinition(
        name=table.name, data=asset.add_batch_definition_whole_dataframe("all"), suite=suite
    )
    result = context.validation_definitions.add(definition).run(
        batch_parameters={"dataframe": batch.to_pandas()},
        result_format={"result_format": "BASIC", "partial_unexpected_count": EXAMPLES},
    )
    return {_rule(each): _seen(each) for each in result.results}


def _seen(result: "ExpectationValidationResult") -> Seen:
    found: Any = result.to_json_dict()["result"]
    if "unexpected_count" not in found:
        raise RuntimeError(f"{result.expectation_config} could not be evaluated: {result.exception_info}")
    examples = dict.fromkeys(str(value) for value in found["partial_unexpected_list"] if value is not None)
    return Seen(bool(result.success), found["element_count"], found["unexpected_count"], tuple(examples))


def _rule(result: "ExpectationValidationResult") -> str:
    config = result.expectation_config
    return str(config.meta["rule"]) if config and config.meta else ""


@dataclass(frozen=True)
class _Case:
    """All that one verdict depends on."""

    lake: Lake
    tenant: str
    checks: Checks
    files: Sequence[LandedFile]
    batch: Sequence[LandedFile]
    reasons: Mapping[str, tuple[Reason, ...]]

    @classmethod
    def of(cls, document: TenantDocument, lake: Lake, rulings: Mapping[str, Ruling], day: date) -> "_Case":
        files = read_ledger(lake, document.tenant).files
        batch = [file for file in files if _is_due(rulings.get(file.id), day)]
        reasons = {file.id: _reasons(lake, document.tenant, file) for file in files}
        return cls(lake, document.tenant, document.checks, files, batch, reasons)

    def results(self) -> Iterator[CheckResult]:
        """Every check, table by table."""
        for name, table in LANDED.items():
            files = [file for file in self.files if file.table == name]
            if files:
                yield from file_checks(name, files, self.reasons, self.checks)
                seen = expect(self.rows(name, table), table, self.checks)
                yield from (self.result(rule, name, seen[rule.key]) for rule in rules(table))
        yield known_items(self.lake, self.tenant, self.files, self.batch, checks=self.checks)
        yield few_gaps(self.files, self.checks)

    def rows(self, name: TableName, table: Table) -> pl.DataFrame:
        """The batch's rows of one table, as they were mapped."""
        parts = [(part, file) for file in self.batch if file.table == name for part in (file.staged, file.refused)]
        frames = [
            self.lake.scan_parts(part, self.tenant).with_columns(landed_at=pl.lit(file.landed_at))
            for part, file in parts
            if part
        ]
        lost = dict.fromkeys(unreadable_columns(table).values(), pl.String())
        none = pl.LazyFrame(schema={**schema(table), **lost, "landed_at": pl.Datetime("us", "UTC")})
        rows = pl.concat([none, *frames], how="diagonal")
        return with_rule_columns(rows, table).select(batch_columns(table)).collect()

    def result(self, rule: Rule, table: TableName, seen: Seen) -> CheckResult:
        """What an expectation saw, with the files at fault and the values as their sources wrote them."""
        share = seen.unexpected / seen.rows if seen.rows else 0.0
        limit = self.checks.maximum_rejected_share
        because = [why for file in self.batch for why in self._because(file, rule)]
        said = tuple(dict.fromkeys(value for why in because for value in why.examples)) or seen.examples
        return CheckResult(
            name=rule.key,
            table=table,
            severity=severity(rule.key, self.checks),
            passed=seen.passed,
            observed=share,
            limit=limit,
            detail=f"{rule.text}: {seen.unexpected:,} of {seen.rows:,} rows break it ({share:.1%}), "
            f"at most {limit:.1%} may",
            files=() if seen.passed else self._at_fault(rule, table),
            examples=said[:EXAMPLES],
        )

    def _because(self, file: LandedFile, rule: Rule) -> list[Reason]:
        """Why rows of the file broke the rule; what cannot be read is missing too, to an expectation."""
        texts = {each.text for each in rules(LANDED[file.table]) if each.key == rule.key or _hides(each, rule)}
        return [why for why in self.reasons[file.id] if why.rule in texts] if file.table == rule.table else []

    def _at_fault(self, rule: Rule, table: TableName) -> tuple[str, ...]:
        """The files that alone break the rule too often, else those that break it at all, else all of the batch."""
        limit = self.checks.maximum_rejected_share
        broken = {file.file: sum(why.rows for why in self._because(file, rule)) for file in self.batch}
        rows = {file.file: file.rows for file in self.batch if file.table == table}
        over = [name for name in rows if broken[name] > limit * rows[name]]
        return tuple(over or [name for name in rows if broken[name]] or rows)

    def verdict_on(self, file: LandedFile, checks: Sequence[CheckResult]) -> FileVerdict:
        """One file passes if no blocking check that failed names it."""
        blocked = any(check.blocks and check.table == file.table and file.file in check.files for check in checks)
        return FileVerdict(
            file=file.file,
            table=file.table,
            rows=file.rows,
            accepted=file.accepted,
            rejected=file.rejected,
            repeated=file.repeated,
            passed=not blocked,
            fault=file.fault.message if file.fault else "",
            reasons=self.reasons[file.id],
        )


def _hides(rule: Rule, other: Rule) -> bool:
    return (rule.check, other.check) == ("type", "not_null") and rule.column == other.column


def _is_due(ruling: Ruling | None, day: date) -> bool:
    return ruling is None or not ruling.passed or ruling.day == day


def _ruling(before: Ruling | None, day: date, *, passed: bool) -> Ruling:
    """What is said now; the day of the verdict that passed it first stays."""
    return before if before is not None and before.passed and passed else Ruling(day=day, passed=passed)


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
