"""Great Expectations suites as plain JSON, one expectation per rule of the contract; nothing here imports the library.

A suite reads a *batch*: mapped rows as they are, bad ones included, with ``NAME__unreadable`` columns (see
`recsys_pipelines.contract`) and three columns that stand for rules about several others:

- ``subject``: the first of user_id, anonymous_id and session_id that is given;
- ``item_or_custom``: the item, or the type of an event that needs none;
- ``seconds_ahead``: how far the time is ahead of the clock when the file landed.
"""

from collections.abc import Mapping
from math import floor
from typing import Any, NamedTuple

import polars as pl

from data_contracts.policies import Checks, Severity
from data_contracts.tables import EVENTS, Table
from recsys_pipelines.contract import AHEAD, SUBJECTS, UNREADABLE, Check, Rule, rules

SEVERITIES: dict[Severity, str] = {"block": "critical", "warn": "warning"}  # ours, theirs

_WARNS: dict[str, Severity] = {"events.event_id.unique": "warn", "events.ts.gaps": "warn"}


def suite_json(table: Table, checks: Checks, filled: Mapping[str, float] | None = None) -> dict[str, Any]:
    """The suite of a table's rows; ``gx.ExpectationSuite(**suite_json(...))`` reads it.

    The library counts bad values among those that are there, we count them among all rows, so that one bad price does
    not stop a batch with ten prices in a thousand rows. ``filled`` is the share of rows that have a value, by column.
    """
    known = filled or {}
    return {"name": table.name, "expectations": [_expectation(rule, table, checks, known) for rule in rules(table)]}


def filled_shares(batch: pl.DataFrame) -> dict[str, float]:
    """The share of rows that have a value, by column."""
    return {name: 1 - nulls / batch.height for name, nulls in batch.null_count().row(0, named=True).items()}


def severity(name: str, checks: Checks) -> Severity:
    """What a failed check of that name does: what the document says, else it blocks, but for a few."""
    return checks.severity.get(name, _WARNS.get(name, "block"))


def batch_columns(table: Table) -> list[str]:
    """The columns that the suite of that table reads."""
    return list(dict.fromkeys(_ask(rule, table).column for rule in rules(table)))


def with_rule_columns(batch: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """The mapped rows of a batch (with ``landed_at``) and the columns for rules about several others."""
    if table is not EVENTS:
        return batch
    return batch.with_columns(
        subject=pl.coalesce(SUBJECTS),
        item_or_custom=pl.when(pl.col("type").is_null() | (pl.col("type") == "custom"))
        .then(pl.lit("custom"))
        .otherwise("item_id"),
        seconds_ahead=(pl.col("ts") - pl.col("landed_at")).dt.total_seconds(fractional=True),
    )


def _expectation(rule: Rule, table: Table, checks: Checks, filled: Mapping[str, float]) -> dict[str, Any]:
    asked = _ask(rule, table)
    of_all_rows = asked.what in {"be_null", "not_be_null"}
    mostly = _mostly(checks.maximum_rejected_share, 1.0 if of_all_rows else filled.get(asked.column, 1.0))
    return {
        "type": f"expect_column_values_to_{asked.what}",
        "kwargs": {"column": asked.column, **asked.limits, "mostly": mostly},
        "severity": SEVERITIES[severity(rule.key, checks)],
        "meta": {"rule": rule.key, "text": rule.text},
    }


def _mostly(limit: float, filled: float) -> float:
    """The share of values that must be good, if ``limit`` of the rows may be bad; rounded down."""
    return floor(max(0.0, 1 - limit / filled) * 1e6) / 1e6 if filled else 0.0


class _Ask(NamedTuple):
    what: str
    column: str
    limits: Mapping[str, Any] = {}


def _ask(rule: Rule, table: Table) -> _Ask:
    name, column = rule.column, table.column(rule.column)
    asks: dict[Check, _Ask] = {
        "type": _Ask("be_null", name + UNREADABLE),
        "not_null": _Ask("not_be_null", name),
        "one_of": _Ask("be_in_set", name, {"value_set": list(column.one_of)}),
        "pattern": _Ask("match_regex", name, {"regex": column.pattern}),
        "minimum": _Ask("be_between", name, {"min_value": column.minimum}),
        "maximum": _Ask("be_between", name, {"max_value": column.maximum}),
        "unique": _Ask("be_unique", name),
        "subject": _Ask("not_be_null", "subject"),
        "item": _Ask("not_be_null", "item_or_custom"),
        "not_future": _Ask("be_between", "seconds_ahead", {"max_value": AHEAD.total_seconds()}),
    }
    return asks[rule.check]
