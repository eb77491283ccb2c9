"""Great Expectations suites as plain JSON; nothing here imports the library.

Two kinds. The suite of a table has one expectation per rule of the contract that a row fulfils by itself. It reads
mapped rows as they are, bad ones included, with ``NAME__unreadable`` columns (see `recsys_pipelines.contract`) and
columns that stand for rules about several others:

- ``NAME__given``: the value, or the text that could not be read as one;
- ``subject``: the first of user_id, anonymous_id and session_id that is given;
- ``item_or_custom``: the item, or the type of an event that needs none;
- ``seconds_ahead``: how far the time is ahead of the clock when the event was received.

The suite of *facts* reads a row per check: the number that it observed, over all rows of the batch, and its limit.
"""

from collections.abc import Iterable, Mapping
from math import floor
from typing import Any, NamedTuple

import polars as pl

from data_contracts.policies import Checks, Clock, Severity
from data_contracts.tables import EVENTS, Table
from recsys_pipelines.contract import SUBJECTS, UNREADABLE, Check, Rule, received, rules, unreadable_columns
from recsys_pipelines.quality.names import severity
from recsys_pipelines.verdict import CheckResult

SEVERITIES: dict[Severity, str] = {"block": "critical", "warn": "warning"}  # ours, theirs
GIVEN = "__given"
WITHIN = "facts.within"


def row_rules(table: Table) -> list[Rule]:
    """The rules that a row fulfils or breaks by itself."""
    return [rule for rule in rules(table) if rule.check != "unique"]


def suite_json(
    table: Table, checks: Checks, *, clock: Clock | None = None, filled: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """The suite of a table's rows; ``gx.ExpectationSuite(**suite_json(...))`` reads it.

    The library counts bad values among those that are there, we count them among all rows, so that one bad price does
    not stop a batch with ten prices in a thousand rows. ``filled`` is the share of rows that have a value, by column.
    """
    limits = _Limits(checks, clock or Clock(), filled or {})
    return {"name": table.name, "expectations": [_expectation(rule, table, limits) for rule in row_rules(table)]}


def facts_json() -> dict[str, Any]:
    """The suite of the facts: no check observed more than its limit."""
    within = {"column_A": "limit", "column_B": "observed", "or_equal": True, "ignore_row_if": "neither"}
    return {
        "name": "facts",
        "expectations": [
            {
                "type": "expect_column_pair_values_a_to_be_greater_than_b",
                "kwargs": within,
                "severity": SEVERITIES["block"],
                "meta": {"rule": WITHIN, "text": "no check observes more than its limit"},
            }
        ],
    }


def facts(results: Iterable[CheckResult]) -> pl.DataFrame:
    """What that suite reads, a row per check: its number over all rows, its limit, what its failure does."""
    rows = [(each.name, each.severity, float(each.observed), float(each.limit)) for each in results]
    return pl.DataFrame(rows, schema=["check", "severity", "observed", "limit"], orient="row")


def filled_shares(batch: pl.DataFrame) -> dict[str, float]:
    """The share of rows that have a value, by column."""
    return {name: 1 - nulls / batch.height for name, nulls in batch.null_count().row(0, named=True).items()}


def batch_columns(table: Table) -> list[str]:
    """The columns that the suite of that table reads."""
    return list(dict.fromkeys(_ask(rule, table, Clock()).column for rule in row_rules(table)))


def with_rule_columns(batch: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """The mapped rows of a batch (with ``landed_at``) and the columns for rules about several others."""
    given = {
        name + GIVEN: pl.coalesce(pl.col(name).cast(pl.String), unreadable)
        for name, unreadable in unreadable_columns(table).items()
        if not table.column(name).nullable
    }
    return batch.with_columns(**given, **(_EVENT_COLUMNS if table is EVENTS else {}))


_EVENT_COLUMNS: dict[str, pl.Expr] = {
    "subject": pl.coalesce(SUBJECTS),
    "item_or_custom": pl.when(pl.col("type").is_null() | (pl.col("type") == "custom"))
    .then(pl.lit("custom"))
    .otherwise("item_id"),
    "seconds_ahead": (pl.col("ts") - received(pl.col("landed_at"))).dt.total_seconds(fractional=True),
}


class _Limits(NamedTuple):
    checks: Checks
    clock: Clock
    filled: Mapping[str, float]


def _expectation(rule: Rule, table: Table, limits: _Limits) -> dict[str, Any]:
    asked = _ask(rule, table, limits.clock)
    of_all_rows = asked.what in {"be_null", "not_be_null"}
    filled = 1.0 if of_all_rows else limits.filled.get(asked.column, 1.0)
    return {
        "type": f"expect_column_values_to_{asked.what}",
        "kwargs": {
            "column": asked.column,
            **asked.limits,
            "mostly": _mostly(limits.checks.maximum_rejected_share, filled),
        },
        "severity": SEVERITIES[severity(rule.key, limits.checks)],
        "meta": {"rule": rule.key, "text": rule.text},
    }


def _mostly(limit: float, filled: float) -> float:
    """The share of values that must be good, if ``limit`` of the rows may be bad; rounded down."""
    return floor(max(0.0, 1 - limit / filled) * 1e6) / 1e6 if filled else 0.0


class _Ask(NamedTuple):
    what: str
    column: str
    limits: Mapping[str, Any] = {}


def _ask(rule: Rule, table: Table, clock: Clock) -> _Ask:
    name, column = rule.column, table.column(rule.column)
    given = name + GIVEN if name in unreadable_columns(table) else name
    asks: dict[Check, _Ask] = {
        "type": _Ask("be_null", name + UNREADABLE),
        "not_null": _Ask("not_be_null", given),
        "one_of": _Ask("be_in_set", name, {"value_set": list(column.one_of)}),
        "pattern": _Ask("match_regex", name, {"regex": column.pattern}),
        "minimum": _Ask("be_between", name, {"min_value": column.minimum}),
        "maximum": _Ask("be_between", name, {"max_value": column.maximum}),
        "subject": _Ask("not_be_null", "subject"),
        "item": _Ask("not_be_null", "item_or_custom"),
        "not_future": _Ask("be_between", "seconds_ahead", {"max_value": clock.tolerance_s}),
    }
    return asks[rule.check]
