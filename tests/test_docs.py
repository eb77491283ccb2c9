"""Docs that fail: every command, every setting of the server and every link is checked against the code."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from jobs.cli import app
from serving.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("README.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_command_is_documented():
    commands = {name for name in app if not name.startswith("-")}
    documented = set(re.findall(r"`recsys ([a-z]+)", (ROOT / "docs/reference/commands.md").read_text()))

    assert commands == documented


def test_every_setting_of_the_server_is_documented():
    fields = {field.name for field in msgspec.structs.fields(Settings)} - {"locations"}
    documented = (ROOT / "docs/reference/settings.md").read_text()

    assert sorted(field for field in fields if f"RECSYS_{field.upper()}" not in documented) == []


def test_every_dependency_says_why():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    listed = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *(d for e in extras for d in e),
    ]
    named = {re.split(r"[\[<>=]", each)[0] for each in listed} - {"recsys-suite"}
    why = (ROOT / "docs/explanation/dependencies.md").read_text()

    assert sorted(name for name in named if name not in why) == []


@pytest.mark.parametrize("folder", ["tutorial", "how-to", "reference", "explanation"])
def test_the_docs_have_their_four_kinds(folder):
    assert list((ROOT / "docs" / folder).glob("*.md"))
