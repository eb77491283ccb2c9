from pathlib import Path

from data_contracts.reference import PAGE, page
from data_contracts.tables import TABLES

ROOT = Path(__file__).parents[2]


def test_the_page_of_tables_is_the_one_of_the_declarations():
    assert (ROOT / PAGE).read_text("utf-8") == page(), "run: make golden"


def test_every_table_has_a_section_and_every_column_a_row():
    lines = page().splitlines()

    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == [table.name for table in TABLES]
    assert sum(line.startswith("| `") for line in lines) == sum(len(table.columns) for table in TABLES)


def test_a_rule_is_said_in_words():
    row = next(line for line in page().splitlines() if line.startswith("| `type` |"))

    assert "| string | no | one of view, click, add, purchase, custom |" in row
