"""Validation: does what landed fulfil the contract well enough to go on? The only module that names Great Expectations.

What decides is counted exactly, over all rows (`recsys_pipelines.quality`). Great Expectations then reads what it can
afford of the same rules: the facts, which are the numbers that every check observed, and of each table all rows of the
batch or, where they are more than ``checks.sample_rows``, a fixed sample. It has to come to the same: if it does not,
either the counts or the suites are wrong, and that is an error of ours and not of the data (``Disagreement``).

So a verdict depends on the ledger, the document, the day and the verdicts of earlier days, and validating twice changes
nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
from msgspec.structs import replace

from data_contracts.documents import TenantDocument
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import LANDED, LandedFile, Ruling, Rulings, TableName
from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.checks import results
from recsys_pipelines.quality.names import require_known
from recsys_pipelines.quality.row_rules import broken, judged
from recsys_pipelines.quality.sample import Sample, sample
from recsys_pipelines.quality.schema_drift import columns_of
from recsys_pipelines.suites import WITHIN, facts, facts_json, filled_shares, row_rules, suite_json
from recsys_pipelines.verdict import BlockedBatch, CheckResult, FileVerdict, Verdict, read_verdict, require_passed

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult

__all__ = ["BlockedBatch", "CheckResult", "Disagreement", "Verdict", "read_verdict", "require_passed", "validate"]


class Disagreement(Exception):
    """Great Expectations and the exact counts say different things about the same data: one of them is broken."""


class Told(NamedTuple):
    """What Great Expectations says to one expectation: how many of the values that it read it did not expect.

    ``rows`` names those, where it was told by which column.
    """

    unexpected: int
    rows: tuple[str, ...] = ()


def validate(document: TenantDocument, lake: Lake, *, day: date) -> Verdict:
    """The verdict on all that landed, as of the run for ``day``, kept in the lake for ``require_passed``.

    Raises ``InvalidDocument`` if ``checks.severity`` names a check that does not exist, and ``Disagreement``.
    """
    require_known(document)
    case = Case.of(document, lake, day)
    checks = confirmed(tuple(results(case)), case)
    files = tuple(_said_of(file, case, checks) for file in case.files)
    passed = {file.id: said.passed for file, said in zip(case.files, files, strict=True)}
    verdict = Verdict(
        tenant=document.tenant,
        day=day,
        passed=not any(check.blocks for check in checks),
        checks=checks,
        files=files,
        columns=case.columns | columns_of([file for file in case.batch if passed[file.id]]),
    )
    now = {id: _ruling(case.rulings.get(id), day, passed=good) for id, good in passed.items()}
    lake.write_json("rulings", document.tenant, None, Rulings(files=now))
    lake.write_json("verdicts", document.tenant, day, verdict)
    return verdict


def confirmed(checks: tuple[CheckResult, ...], case: Case) -> tuple[CheckResult, ...]:
    """The checks after Great Expectations came to the same; those that it saw only a sample for say so.

    Where the batch has no row there is nothing to say, and the library is not even imported.
    """
    tables = [name for name in LANDED if any(map(judged, case.batch_of(name)))]
    if not tables:
        return checks
    _compare_facts(checks)
    notes = {rule: note for name in tables for rule, note in _compare_rows(name, case).items()}
    return tuple(replace(check, detail=check.detail + notes.get(check.name, "")) for check in checks)


def expect(rows: pl.DataFrame, suite: Mapping[str, Any], *, index: str = "") -> dict[str, Told]:
    """What Great Expectations says to every expectation of a suite (plain JSON), by ``meta.rule``.

    With the column ``index`` it also names the rows that it did not expect, which takes long where they are many.
    """
    import great_expectations as gx  # noqa: PLC0415  (8 to 12 s and 290 MB)
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("batch").add_dataframe_asset(suite["name"])
    definition = gx.ValidationDefinition(
        name=suite["name"],
        data=asset.add_batch_definition_whole_dataframe("all"),
        suite=context.suites.add(gx.ExpectationSuite(**suite)),
    )
    result = context.validation_definitions.add(definition).run(
        batch_parameters={"dataframe": rows.to_pandas()},
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [index]} if index else _COUNTS,
    )
    return {_rule(each): _told(each, index) for each in result.results}


_COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0}


def _told(result: "ExpectationValidationResult", index: str) -> Told:
    found: Any = result.to_json_dict()["result"]
    if "unexpected_count" not in found:
        raise RuntimeError(f"{result.expectation_config} could not be evaluated: {result.exception_info}")
    named = found.get("unexpected_index_list") or ()
    return Told(found["unexpected_count"], tuple(each[index] for each in named))


def _rule(result: "ExpectationValidationResult") -> str:
    config = result.expectation_config
    return str(config.meta["rule"]) if config and config.meta else ""


def _compare_facts(checks: Sequence[CheckResult]) -> None:
    """Raise ``Disagreement`` if a check passed that Great Expectations would fail, or the other way round."""
    told = expect(facts(checks), facts_json(), index="check")[WITHIN]
    failed = [check.name for check in checks if not check.passed]
    if sorted(failed) != sorted(told.rows):
        raise Disagreement(f"of the checks {_names(failed)} failed; to Great Expectations, {_names(told.rows)} did")


def _names(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _compare_rows(name: TableName, case: Case) -> dict[str, str]:
    """What to add to the details, by rule; nothing where Great Expectations read every row of the table's batch."""
    seen = sample(name, case)
    if seen.is_whole and seen.rows.height != seen.of:
        raise Disagreement(f"the lake holds {seen.rows.height:,} rows of {name}, and the ledger says {seen.of:,}")
    filled = filled_shares(seen.rows)
    told = expect(seen.rows, suite_json(LANDED[name], case.checks, clock=case.document.clock, filled=filled))
    counts = {rule.key: broken(case.batch_of(name), rule) for rule in row_rules(LANDED[name])}
    for rule, count in counts.items():
        _compare(rule, count, told[rule].unexpected, seen)
    return {} if seen.is_whole else {rule: _note(told[rule], seen) for rule in counts}


def _compare(rule: str, counted: int, unexpected: int, seen: Sample) -> None:
    if unexpected > counted or (seen.is_whole and unexpected != counted):
        raise Disagreement(
            f"{rule}: {counted:,} of {seen.of:,} rows break it, as counted when they were landed; Great Expectations "
            f"found {unexpected:,} in {seen.rows.height:,} of them; the suite and the rule do not mean the same"
        )


def _note(told: Told, seen: Sample) -> str:
    part = seen.rows.height / seen.of
    return (
        f"; Great Expectations read a sample of {seen.rows.height:,} rows ({part:.1%}) and found {told.unexpected:,} "
        "among them"
    )


def _said_of(file: LandedFile, case: Case, checks: Sequence[CheckResult]) -> FileVerdict:
    """One file passes if no blocking check that failed names it; one that names none means the whole batch."""
    against = [check for check in checks if check.blocks and check.table == file.table]
    blocked = any(file.file in check.files or (not check.files and file in case.batch) for check in against)
    return FileVerdict(
        file=file.file,
        table=file.table,
        rows=file.rows,
        accepted=file.accepted,
        rejected=file.rejected,
        repeated=file.repeated,
        passed=not blocked,
        fault=file.fault.message if file.fault else "",
        reasons=case.reasons[file.id],
    )


def _ruling(before: Ruling | None, day: date, *, passed: bool) -> Ruling:
    """What is said now; the day of the verdict that passed it first stays."""
    return before if before is not None and before.passed and passed else Ruling(day=day, passed=passed)
