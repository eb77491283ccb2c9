"""What a source is, and what can be wrong with one.

SourceError
|- UnsetVariable         the document names an environment variable that is not set
|- BadPart               one file (table, topic) cannot be used as it is; ``kind`` says why
   |- MissingPart        nothing is there
   |- EmptyPart          it is there, and holds nothing
   |- WrongEncoding      its bytes are not text of the encoding that the document names
   |- MalformedPart      it is not what its format should be
   |- SchemaDrift        columns that the mapping needs are not in it
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import ClassVar, Literal, NamedTuple, Protocol

import polars as pl

FaultKind = Literal["missing", "empty", "encoding", "malformed", "columns"]

ROW = "__row"  # the column of a source's rows that numbers them, from 1


class SourceError(Exception):
    """A source cannot be read."""


class UnsetVariable(SourceError):
    """The document names an environment variable that is not set."""


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


class Source(Protocol):
    """Where rows come from. One class per kind, one module per class."""

    def parts(self) -> Sequence[Part]:
        """What is there now, in the order in which it counts. Raises ``MissingPart``."""

    def rows(self, part: Part, needs: Needs) -> AbstractContextManager[pl.LazyFrame]:
        """The part's columns and ``ROW``, to collect inside the block. Raises ``BadPart``, then or on collecting."""
