"""The page of guarantees is held to its word: each row names tests, and each of them exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "what-is-guaranteed.md"
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith("| fault")]


def names_in(path: str) -> set[str]:
    """The names of the test functions in one file."""
    tree = ast.parse((ROOT / "tests" / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_guarantee_is_proved_by_tests_that_exist(row):
    named = TEST.findall(row)

    assert named
    assert [name for path, name in named if name not in names_in(path)] == []


def test_the_page_covers_the_faults_that_a_data_plane_has():
    faults = ["killed", "twice", "late", "repeated", "changes", "removed", "half", "encoding", "drift", "clock"]
    faults += ["down", "poison", "watermark", "ledger"]

    assert [fault for fault in faults if fault not in "\n".join(ROWS)] == []
    assert len(ROWS) > 25
