"""Which files a path means, and what they are called: the same for folders of a disk and for prefixes of a bucket.

A file's name is the path as the document writes it, variables not expanded, and then its place below; so it is the same
on every machine. Files that are hidden or unfinished (a part of the name begins with ``.`` or ``_``) are never meant.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import unquote

from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.formats import SUFFIXES, suffix

_WILDCARD = re.compile(r"[*?\[]")
_FOLDER_VALUE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


class Spelled(NamedTuple):
    """The folders of a path that are spelled out, and the pattern below them (empty if there is none)."""

    folder: str
    pattern: str

    def name(self, inside: str) -> str:
        """The name of the file that lies there; ``inside`` is empty if the folder is itself the file."""
        return f"{self.folder.rstrip('/')}/{inside}" if self.folder and inside else self.folder or inside


def spelled(path: str) -> Spelled:
    """A path in its two halves.

    >>> spelled("in/2026/*/e?.csv")
    Spelled(folder='in/2026', pattern='*/e?.csv')
    """
    parts = path.split("/")
    first = next((at for at, part in enumerate(parts) if _WILDCARD.search(part)), len(parts))
    return Spelled("/".join(parts[:first]), "/".join(parts[first:]))


def is_meant(inside: str, spec: SourceSpec, pattern: str) -> bool:
    """Whether the file at that place below the folder is one of the source's: of a known kind, or asked for by name."""
    if any(part.startswith((".", "_")) for part in inside.split("/")):
        return False
    if pattern:
        return matches(inside, pattern)
    kind = SUFFIXES.get(suffix(inside))
    return kind is not None and spec.format in {"auto", kind}


def matches(inside: str, pattern: str) -> bool:
    """Whether a place fits a glob; ``*`` stays within one folder and ``**`` is any number of folders.

    >>> matches("a/b/c.csv", "**/*.csv"), matches("a/b/c.csv", "*/*.csv")
    (True, False)
    """
    return _fits(inside.split("/"), pattern.split("/"))


def literal_head(pattern: str) -> str:
    """What every place that fits begins with, so that less has to be listed.

    >>> literal_head("2026-*/x.csv")
    '2026-'
    """
    return _WILDCARD.split(pattern, maxsplit=1)[0]


def folder_values(name: str) -> dict[str, str | None]:
    """What the folders of a name say, as Hive, Spark and others write it: ``date=2026-01-01`` and the like.

    >>> folder_values("in/date=2026-01-01/shop=a%20b/part.csv")
    {'date': '2026-01-01', 'shop': 'a b'}
    """
    found = [_FOLDER_VALUE.fullmatch(folder) for folder in name.split("/")[:-1]]
    return {each[1]: None if each[2] == _HIVE_NULL else unquote(each[2]) for each in found if each}


def _fits(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_fits(parts[at:], patterns[1:]) for at in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _fits(parts[1:], patterns[1:])
