"""The page of checks cannot rot: it names every check there is, with its severity and limit, and no other."""

import re
from pathlib import Path

import msgspec
import pytest

from data_contracts.policies import Checks
from recsys_pipelines.ledger import LANDED
from recsys_pipelines.quality.names import CHECKS, severity

PAGE = (Path(__file__).parents[3] / "docs/reference/checks.md").read_text(encoding="utf-8")
NAME = re.compile(r"`((?:TABLE|items|users|events|orders)\.[a-z_]+\.[a-z_]+)`")
FOLDED = {name: re.sub(r"^\w+\.file\.", "TABLE.file.", name) for name in CHECKS}
ROWS = {name: line for line in PAGE.splitlines() if line.startswith("|") for name in NAME.findall(line)}


def test_the_page_names_every_check_and_no_other():
    assert set(NAME.findall(PAGE)) == set(FOLDED.values())


@pytest.mark.parametrize("name", [name for name, folded in FOLDED.items() if folded in ROWS])
def test_the_page_has_severity_and_limit_of_a_check(name):
    *_, said, limit, _ = (cell.strip() for cell in ROWS[FOLDED[name]].split("|"))

    assert (said, limit.strip("`")) == (CHECKS[name].severity, CHECKS[name].limit)


def test_every_limit_is_a_field_of_the_document():
    fields = {field.name for field in msgspec.structs.fields(Checks)}

    assert {named.limit for named in CHECKS.values()} - {""} <= fields


def test_every_name_begins_with_its_table():
    assert {name.partition(".")[0] for name in CHECKS} == set(LANDED)


def test_the_document_overrides_what_is_usual():
    checks = Checks(severity={"events.ts.gaps": "block"})

    assert [severity(name, checks) for name in ("events.ts.gaps", "events.ts.hours", "events.ts.type")] == [
        "block",
        "warn",
        "block",
    ]
