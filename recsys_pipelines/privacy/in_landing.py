"""A person in what servers brought in: their logs, dead letters, and segments that are still being written.

Lines are taken out of a file in its place; its name stays.
"""

import base64
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobMissing
from recsys_pipelines.contract import SUBJECTS
from recsys_pipelines.privacy.person import Person

WHO = ("user", "anonymous", "session", *SUBJECTS)  # keys that name somebody in the server's own logs
LOGS = ("exposures", "events")
decode = msgspec.json.Decoder().decode


@dataclass(frozen=True)
class ServerLogs:
    """What the server's workers landed: exposures, with pseudonyms, and events."""

    blobs: Blobs
    person: Person
    store: str = "landing (server)"
    method: str = "ids and pseudonyms under the keys of people in each JSON line"

    def keys(self) -> Iterator[str]:
        """Every landed segment."""
        for kind in LOGS:
            yield from (entry.key for entry in list(self.blobs.entries(f"{kind}/tenant={self.person.tenant}/")))

    def count(self, key: str) -> int:
        """Lines that are the person's."""
        return sum(self._is_theirs(line) for line in _body(self.blobs, key).splitlines())

    def clean(self, key: str) -> None:
        """The segment without those lines."""
        _rewrite(self.blobs, key, lambda line: not self._is_theirs(line))

    def _is_theirs(self, line: bytes) -> bool:
        return names(_object(line), self.person)


@dataclass(frozen=True)
class DeadLetters:
    """Messages that could not be used; whatever they are, the person's id is looked for in their text."""

    blobs: Blobs
    person: Person
    store: str = "landing (dead letters)"
    method: str = "the id, in quotes or alone between white space, in a message's first bytes"

    def keys(self) -> Iterator[str]:
        """Every file of them."""
        return (entry.key for entry in list(self.blobs.entries(f"dead/tenant={self.person.tenant}/")))

    def count(self, key: str) -> int:
        """Messages that hold an id that is known in clear."""
        return sum(self._is_theirs(line) for line in _body(self.blobs, key).splitlines())

    def clean(self, key: str) -> None:
        """The file without those messages."""
        _rewrite(self.blobs, key, lambda line: not self._is_theirs(line))

    def _is_theirs(self, line: bytes) -> bool:
        letter = _object(line)
        value = letter.get("value") if isinstance(letter, dict) else None
        try:
            said = base64.b64decode(value or "", validate=True).decode(errors="replace")
        except ValueError:
            said = str(value)
        words = {word.strip("\"',;:()[]{}") for word in said.replace('"', ' " ').split()}
        return any(id in words for id in self.person.spelled) or names(letter, self.person)


@dataclass(frozen=True)
class Spool:
    """Segments that a server on this machine is writing, or could not land yet.

    Nothing is cut out of a file that grows: the pseudonyms are overwritten with zeros, which is as long, so the worker
    that appends to it and the one that lands it notice nothing.
    """

    home: Path
    person: Person
    store: str = "spool"
    method: str = "ids and pseudonyms under the keys of people in each JSON line"

    def keys(self) -> Iterator[str]:
        """Every segment on this machine."""
        found = sorted(self.home.glob(f"spool/*/tenant={self.person.tenant}/date=*/*.jsonl"))
        return (path.relative_to(self.home).as_posix() for path in found)

    def count(self, key: str) -> int:
        """Lines that are the person's."""
        try:
            body = (self.home / key).read_bytes()
        except FileNotFoundError:  # landed meanwhile
            return 0
        return sum(names(_object(line), self.person) for line in body.splitlines())

    def clean(self, key: str) -> None:
        """The same segment, about nobody."""
        try:
            descriptor = os.open(self.home / key, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            body, at = (self.home / key).read_bytes(), 0
            for line in body.splitlines(keepends=True):
                for id in _ids(_object(line), self.person):
                    spelled = msgspec.json.encode(id)[1:-1]
                    where = line.find(b'"' + spelled + b'"')
                    while where >= 0:
                        os.pwrite(descriptor, b"0" * len(spelled), at + where + 1)
                        where = line.find(b'"' + spelled + b'"', where + 1)
                at += len(line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def names(value: Any, person: Person) -> bool:
    """Whether a decoded line names the person under a key of people, at any depth."""
    return next(_ids(value, person), None) is not None


def _ids(value: Any, person: Person) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in WHO and isinstance(inner, str):
                if person.has(inner):
                    yield inner
            else:
                yield from _ids(inner, person)
    elif isinstance(value, list):
        for inner in value:
            yield from _ids(inner, person)


def _object(line: bytes) -> Any:
    try:
        return decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):  # half a line of a killed worker
        return None


def _body(blobs: Blobs, key: str) -> bytes:
    try:
        return blobs.read(key)
    except BlobMissing:
        return b""


def _rewrite(blobs: Blobs, key: str, is_kept: Any) -> None:
    found = blobs.read_tagged(key)
    assert found is not None  # no tag was given that it could still have
    lines = [line for line in found.body.splitlines(keepends=True) if is_kept(line)]
    blobs.replace(key, b"".join(lines), found.tag)
