"""What a table is: its columns, and the rule that each of their values must fulfil."""

from typing import Literal

import msgspec

Kind = Literal["string", "int", "float", "bool", "timestamp", "strings", "vector"]
MAX_ID_LENGTH = 256
ID_PATTERN = r"^[^\x00-\x1f\x7f]{1,256}$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column: its kind, and the rule that each of its values must fulfil."""

    name: str
    kind: Kind
    description: str
    nullable: bool = False
    one_of: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of columns; ``key`` identifies a row within one tenant."""

    name: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """The column of that name. Raises ``KeyError``."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}; it has {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)


def id_column(name: str, description: str, *, nullable: bool = False) -> Column:
    """A column of ids."""
    return Column(name=name, kind="string", description=description, nullable=nullable, pattern=ID_PATTERN)


def text_column(name: str, description: str) -> Column:
    """A column of texts that may be missing."""
    return Column(name=name, kind="string", description=description, nullable=True)
