"""The reference page of every table, generated from `data_contracts.tables`: ``python -m data_contracts.reference``."""

import sys
from collections.abc import Iterator
from pathlib import Path

from data_contracts.table import Column, Table
from data_contracts.tables import TABLES

PAGE = Path("docs/reference/tables.md")

_HEAD = """# Tables

What one part of the suite writes and another reads. Generated from `data_contracts/tables.py` by `make golden`; the
checks of validation come from the same declarations. In the lake a table is Parquet under
`{table}/tenant={tenant}/date={day}/`.
"""
_KINDS = {
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "strings": "list of strings",
    "vector": "float32 vector",
}


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *(line for table in TABLES for line in _section(table))])


def _section(table: Table) -> Iterator[str]:
    yield f"## {table.name}\n\n{table.description} Key: {', '.join(f'`{name}`' for name in table.key)}.\n"
    yield "| column | kind | may be empty | rule | meaning |\n|---|---|---|---|---|"
    yield from (_row(column) for column in table.columns)
    yield ""


def _row(column: Column) -> str:
    kind, empty = _KINDS.get(column.kind, column.kind), "yes" if column.nullable else "no"
    return f"| `{column.name}` | {kind} | {empty} | {_rule(column)} | {_safe(column.description)} |"


def _rule(column: Column) -> str:
    rules = [f"one of {', '.join(column.one_of)}"] if column.one_of else []
    rules += [f"matches `{_safe(column.pattern)}`"] if column.pattern else []
    rules += [f"at least {column.minimum:g}"] if column.minimum is not None else []
    rules += [f"at most {column.maximum:g}"] if column.maximum is not None else []
    return "; ".join(rules)


def _safe(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"written: {PAGE}\n")
