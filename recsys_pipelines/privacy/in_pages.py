"""A person in what is written for people and by other programs: reports, MLflow's and Dagster's files and databases.

Only ids that are known in clear can be looked for in free text, so of the linked ids those that the lake still tells.
An id counts where it is a whole word; one of digits or letters only counts where it stands as a user's, since a number
or a word is found on any page. In databases such ids are not looked for: what is equal to them may be a setting.
"""

import html
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from data_contracts.files import appearing
from recsys_pipelines.privacy.person import Person

FORGOTTEN = "[forgotten]"
PAGES = {".html", ".md", ".json", ".txt", ".csv", ".log", ".jsonl", ".err", ".out", ".yaml", ""}


@dataclass(frozen=True)
class Pages:
    """Text files below some folders of this machine, all of the tenant's or of nobody's."""

    folders: Sequence[Path]
    person: Person
    store: str = "reports and logs"
    method: str = "whole words; ids of digits or letters only where they stand as a user's"

    def keys(self) -> Iterator[str]:
        """Every text file, but the proofs of what was forgotten."""
        for folder in self.folders:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.suffix in PAGES and path.parent.name != "forgotten":
                    yield str(path)

    def count(self, key: str) -> int:
        """How often an id stands there."""
        try:
            text = Path(key).read_bytes().decode()
        except (FileNotFoundError, UnicodeDecodeError):  # gone, or no text
            return 0
        return sum(1 for _ in self._pattern.finditer(text))

    def clean(self, key: str) -> None:
        """The page with a word in its place that says so."""
        text = Path(key).read_bytes().decode()
        with appearing(Path(key)) as file:
            file.write(self._pattern.sub(FORGOTTEN, text).encode())

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(_word(id) for id in sorted(self.person.spelled)), re.MULTILINE)


@dataclass(frozen=True)
class Databases:
    """SQLite databases of Dagster and MLflow on this machine: run events, parameters, tags."""

    paths: Sequence[Path]
    person: Person
    store: str = "databases"
    method: str = "columns that are an id, and ids in quotes inside of texts; not ids of digits or letters only"

    def keys(self) -> Iterator[str]:
        """Every database that is there."""
        return (str(path) for path in self.paths if path.is_file())

    def count(self, key: str) -> int:
        """Values that hold an id."""
        with closing(sqlite3.connect(f"file:{key}?mode=ro", uri=True)) as database:
            return sum(self._counted(database, *column) for column in _columns(database))

    def clean(self, key: str) -> None:
        """The database with a word in their place that says so."""
        with closing(sqlite3.connect(key, timeout=60)) as database:
            for table, column in list(_columns(database)):
                for old, new in self._replacements():
                    value = f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) WHERE instr("{column}", ?)'
                    database.execute(value, (old, new, old))
                for id in self._ids:
                    database.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE "{column}" = ?', (FORGOTTEN, id))
            database.commit()

    @property
    def _ids(self) -> list[str]:
        return sorted(filter(_is_telling, self.person.spelled))

    def _counted(self, database: sqlite3.Connection, table: str, column: str) -> int:
        found = 0
        for id in self._ids:
            is_held = " OR ".join([f'"{column}" = ?', *(f'instr("{column}", ?)' for _ in _quoted(id))])
            asked = f'SELECT count(*) FROM "{table}" WHERE {is_held}'
            found += database.execute(asked, (id, *_quoted(id))).fetchone()[0]
        return found

    def _replacements(self) -> Iterator[tuple[str, str]]:
        for id in self._ids:
            for quoted in _quoted(id):
                yield quoted, quoted.replace(json.dumps(id)[1:-1], FORGOTTEN)


def _is_telling(id: str) -> bool:
    """Whether an id could hardly be anything else; a number or a word could be a parameter, or a surface."""
    return not id.isdecimal() and not id.isalpha()


def _word(id: str) -> str:
    spelled = "|".join(sorted({re.escape(each) for each in (id, html.escape(id), json.dumps(id)[1:-1])}))
    if not _is_telling(id):
        places = ((f'"user_id":{space}"', '"') for space in ("", " "))
        marked = [f"(?<={before})(?:{spelled})(?={after})" for before, after in (*places, ("<h3>", "</h3>"))]
        return "|".join([*marked, rf"^(?:{spelled})(?= \(lately|:$)"])
    return rf"(?<![\w.@+-])(?:{spelled})(?![\w@+-]|\.\w)"


def _quoted(id: str) -> tuple[str, ...]:
    """An id as it stands inside of a text, of JSON, and of JSON within JSON."""
    spelled = json.dumps(id)[1:-1]
    return f'"{spelled}"', f"'{spelled}'", f'\\"{spelled}\\"'


def _columns(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """The text columns of every table."""
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for _, column, kind, *_ in database.execute(f'PRAGMA table_info("{table}")').fetchall():
            if kind.upper().startswith(("TEXT", "VARCHAR", "CHAR", "CLOB")):
                yield table, column
