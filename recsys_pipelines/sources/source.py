"""What a source is, and what can be wrong with one.

SourceError
|- UnsetVariable         the document names an environment variable that is not set
|- Unreachable           a server or store does not answer, or refuses us: nothing is known about the rows
|- UnusableCursor        a table cannot be read in steps by the column that the document names
|- BadPart               one file (table, topic) cannot be used as it is; ``kind`` says why
   |- MissingPart        nothing is there
   |- EmptyPart          it is there, and holds nothing
   |- WrongEncoding      its bytes are not text of the encoding that the document names
   |- MalformedPart      it is not what its format should be
   |- SchemaDrift        columns that the mapping needs are not in it
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

import polars as pl

from data_contracts.blobs import Blobs

FaultKind = Literal["missing", "empty", "encoding", "malformed", "columns"]

ROW = "__row"  # the column of a source's rows that numbers them, from 1


class SourceError(Exception):
    """A source cannot be read."""


class UnsetVariable(SourceError):
    """The document names an environment variable that is not set."""


class Unreachable(SourceError):
    """A server or store does not answer, or refuses us; what was landed before still counts."""


class UnusableCursor(SourceError):
    """A table cannot be read in steps by the column that the document names."""


class BadPart(SourceError):
    """One part of a source cannot be used as it is."""

    kind: ClassVar[FaultKind]

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem


class MissingPart(BadPart):
    """Nothing is there."""

    kind = "missing"


class EmptyPart(BadPart):
    """It is there, and holds nothing."""

    kind = "empty"


class WrongEncoding(BadPart):
    """Its bytes are not text of the encoding that the document names."""

    kind = "encoding"


class MalformedPart(BadPart):
    """It is not what its format should be."""

    kind = "malformed"


class SchemaDrift(BadPart):
    """Columns that the mapping needs are not in it."""

    kind = "columns"


class Part(NamedTuple):
    """What is read and replaced together: a file, the rows of a table up to a watermark, a range of offsets.

    ``name`` is the same on every machine; with the same ``fingerprint`` it has the same rows.
    """

    name: str
    fingerprint: str


class Needs(NamedTuple):
    """Which columns a mapping reads (``wanted``, sorted) and which of them must be there (``required``)."""

    wanted: tuple[str, ...]
    required: tuple[str, ...]

    def without(self, given: Collection[str]) -> "Needs":
        """What is left to be found where these columns, or what they hold, come from elsewhere."""
        left = [tuple(name for name in names if not is_in(name, given)) for names in self]
        return Needs(*left)


def is_in(name: str, columns: Collection[str]) -> bool:
    """Whether a column has that name, or the name of what it is inside of (``payload.video.id`` of ``payload``)."""
    return name in columns or name.partition(".")[0] in columns


class Place(NamedTuple):
    """Where a tenant's sources are read from, and where those that are pulled are kept.

    ``folder`` is where the tenant's document stands; ``landing`` may be None where nothing is pulled.
    """

    tenant: str
    folder: Path
    environ: Mapping[str, str]
    landing: Blobs | None = None


class Pulled(NamedTuple):
    """What one pull brought; ``watermark`` is how far the source has been read, in its own words."""

    source: str
    rows: int
    files: int
    dead_letters: int
    watermark: str


class Source(Protocol):
    """Where rows come from. One class per kind, one module per class."""

    def parts(self) -> Sequence[Part]:
        """What is there now, in the order in which it counts. Raises ``MissingPart``."""

    def rows(self, part: Part, needs: Needs) -> AbstractContextManager[pl.LazyFrame]:
        """The part's columns and ``ROW``, to collect inside the block. Raises ``BadPart``, then or on collecting."""

    def columns(self, part: Part) -> dict[str, str]:
        """Every column of the part with the source's type, or with what its first values read as. Raises ``BadPart``.

        Only a head is read. It is what two loads are compared by (`recsys_pipelines.sources.drift`).
        """


@runtime_checkable
class Pulling(Protocol):
    """A source that is outside: what is new there is first copied to the landing area, whose files are its parts."""

    @property
    def name(self) -> str:
        """What its landed files and its parts are called; the same on every machine."""

    def pull(self, now: datetime) -> Pulled:
        """Copy what is new, durably, then remember how far; safe to repeat after a crash. Raises ``SourceError``."""
