"""The rules that rows must fulfil, generated from ``data_contracts.tables``, and the split into rows that do or do not.

A *mapped* frame has the columns of its table and ``row`` (its number in the file, from 1). Beside a column that is not
text it may have ``NAME__unreadable``: what the source said where that could not be read as the column's kind; and in
``REFUSED``, why a row may not be kept whatever else it fulfils (`recsys_pipelines.privacy`). The Great
Expectations suites are generated from the same ``Rule`` list (`recsys_pipelines.validation`), so that both agree.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import polars as pl

from data_contracts.tables import EVENTS, REJECTED, Column, Kind, Table

Check = Literal[
    "type", "not_null", "one_of", "pattern", "minimum", "maximum", "subject", "item", "not_future", "unique"
]

AHEAD = timedelta(minutes=5)  # how far a source's clock may run before ours, unless the tenant says otherwise
UNREADABLE = "__unreadable"
REFUSED = "__refused"
SUBJECTS = ("user_id", "anonymous_id", "session_id")
KINDS: dict[Kind, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
    "timestamp": pl.Datetime("us", "UTC"),
    "strings": pl.List(pl.String),
    "vector": pl.List(pl.Float32),
}
_READS_AS: dict[Kind, str] = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "timestamp": "a time",
}
_VALUE_LENGTH = 200


@dataclass(frozen=True)
class Rule:
    """One thing that every row must fulfil; ``text`` is what people read, ``key`` what a tenant document names."""

    table: str
    column: str
    check: Check
    text: str

    @property
    def key(self) -> str:
        """Such as ``events.type.one_of``."""
        return f"{self.table}.{self.column}.{self.check}"


class Checked(NamedTuple):
    """A mapped frame in parts: rows that go on, rows that do not, and copies of an event that is in one of the others.

    ``broken`` (columns of ``tables.REJECTED``) has a row for every rule that a rejected row broke.
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    repeated: pl.DataFrame
    broken: pl.DataFrame


def schema(table: Table) -> pl.Schema:
    """The Polars schema of a contract table; times are in microseconds, UTC."""
    return pl.Schema({column.name: KINDS[column.kind] for column in table.columns})


def unreadable_columns(table: Table) -> dict[str, str]:
    """For each column whose text may turn out to be unreadable, the name of the column that keeps that text."""
    return {column.name: column.name + UNREADABLE for column in table.columns if column.kind in _READS_AS}


def rules(table: Table) -> tuple[Rule, ...]:
    """Every rule of a table's rows, column by column."""
    found = [Rule(table.name, column.name, check, text) for column in table.columns for check, text in _checks(column)]
    return (*found, *(_EVENT_RULES if table is EVENTS else ()))


def check(mapped: pl.DataFrame, table: Table, file: str, now: datetime, *, ahead: timedelta = AHEAD) -> Checked:
    """Split rows into those that fulfil every rule and the others, with the reasons.

    Events may be ``ahead`` of when a server received them, or else of ``now``, when their file was landed.

    Of the rows of one event, one that fulfils every rule counts, then the earliest, then the first. Rows of a catalog
    may repeat a key: of them the last one counts, across files, which is not decided here.
    """
    asked = [rule for rule in rules(table) if rule.check != "unique"]
    flags = mapped.select(_breaks(rule, table, _Clock(now, ahead)).alias(rule.key) for rule in asked)
    refused = (
        mapped[REFUSED].is_not_null() if REFUSED in mapped.columns else pl.repeat(False, mapped.height, eager=True)
    )
    bad = flags.select(pl.any_horizontal(pl.all())).to_series() | refused
    extra = _is_extra(mapped.with_columns(bad=bad), table)
    return Checked(
        mapped.filter(~bad & ~extra).select(*table.names, "row"),
        mapped.filter(bad & ~extra),
        mapped.filter(extra),
        pl.concat(
            [
                *(_because(mapped.filter(flags[rule.key] & ~extra), rule, file) for rule in asked),
                _refusals(mapped.filter(refused & ~extra), table, file),
            ]
        ).sort("row", "rule"),
    )


def _checks(column: Column) -> list[tuple[Check, str]]:
    found: list[tuple[Check, str | None]] = [
        ("type", _READS_AS.get(column.kind)),
        ("not_null", None if column.nullable else "not empty"),
        ("one_of", f"one of {', '.join(column.one_of)}" if column.one_of else None),
        ("pattern", f"matches {column.pattern}" if column.pattern else None),
        ("minimum", None if column.minimum is None else f"at least {column.minimum:g}"),
        ("maximum", None if column.maximum is None else f"at most {column.maximum:g}"),
    ]
    return [(check, f"{column.name}: {text}") for check, text in found if text]


_EVENT_RULES = (
    Rule("events", "user_id", "subject", "user_id: given, or else anonymous_id or session_id"),
    Rule("events", "item_id", "item", "item_id: given unless the type is custom"),
    Rule("events", "ts", "not_future", "ts: no more than the tolerated minutes ahead of our clock"),
    Rule("events", "event_id", "unique", "event_id: not repeated"),
)


def received(landed_at: pl.Expr) -> pl.Expr:
    """When an event was received at the latest: no server can have received it after its file was landed."""
    return pl.min_horizontal("received_at", landed_at)


class _Clock(NamedTuple):
    """When a file was landed, and how far ahead of that its events may be."""

    landed_at: datetime
    ahead: timedelta


def _breaks(rule: Rule, table: Table, clock: _Clock) -> pl.Expr:
    """True where a row breaks the rule, never null. A missing value breaks only rules that ask for one."""
    value, column = pl.col(rule.column), table.column(rule.column)
    unreadable = pl.col(rule.column + UNREADABLE)
    match rule.check:
        case "type":
            bad = unreadable.is_not_null()
        case "not_null":
            bad = value.is_null() & (unreadable.is_null() if column.kind in _READS_AS else True)
        case "one_of":
            bad = ~value.is_in(column.one_of)
        case "pattern":
            bad = ~value.str.contains(column.pattern or "")
        case "minimum" | "maximum":
            bad = value < column.minimum if rule.check == "minimum" else value > column.maximum
        case _:
            bad = _breaks_event(rule.check, clock)
    return bad.fill_null(value=False)


def _breaks_event(check: Check, clock: _Clock) -> pl.Expr:
    if check == "subject":
        return pl.all_horizontal(pl.col(*SUBJECTS).is_null())
    if check == "item":
        return pl.col("item_id").is_null() & (pl.col("type") != "custom")
    return pl.col("ts") > received(pl.lit(clock.landed_at, KINDS["timestamp"])) + clock.ahead


def _is_extra(rows: pl.DataFrame, table: Table) -> pl.Series:
    """Whether a row is another copy of an event; only rows that share an id are sorted, for there are few."""
    if table is not EVENTS:
        return pl.repeat(False, rows.height, eager=True)
    identified = rows.filter(pl.col("event_id").is_not_null())
    shared = identified.filter(pl.col("event_id").is_duplicated()).sort("bad", "ts", "row", nulls_last=True)
    extra = shared.filter(~pl.col("event_id").is_first_distinct())
    return rows["row"].is_in(extra["row"].implode())


def _because(rows: pl.DataFrame, rule: Rule, file: str) -> pl.DataFrame:
    value = pl.col(rule.column + UNREADABLE if rule.check == "type" else rule.column)
    return rows.select(
        table=pl.lit(rule.table),
        file=pl.lit(file),
        row=pl.col("row").cast(pl.Int64),
        rule=pl.lit(rule.text),
        value=_text(value, rows.schema).str.slice(0, _VALUE_LENGTH),
    ).cast(schema(REJECTED))


def _refusals(rows: pl.DataFrame, table: Table, file: str) -> pl.DataFrame:
    """Why rows are not kept; what they said is not told, for that is the point."""
    if rows.is_empty():
        return pl.DataFrame(schema=schema(REJECTED))
    return rows.select(
        table=pl.lit(table.name),
        file=pl.lit(file),
        row=pl.col("row").cast(pl.Int64),
        rule=REFUSED,
        value=pl.lit(None, pl.String),
    ).cast(schema(REJECTED))


def _text(value: pl.Expr, types: pl.Schema) -> pl.Expr:
    dtype = types[value.meta.output_name()]
    return value.dt.to_string("iso:strict") if isinstance(dtype, pl.Datetime) else value.cast(pl.String)
