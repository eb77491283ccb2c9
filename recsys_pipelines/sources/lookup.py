"""Columns of another file joined to each row of a source, such as those of the order to each order line.

Keys are compared as the mapping reads texts, so that ``17`` of a CSV file is 17 of a Parquet file. A key that is in two
rows of the other file would double rows, and is a fault. A row whose key is not there keeps nothing in those columns; a
column that a source has itself is its own. The other file is read for each part of the source, and of it the columns
that the mapping wants are held in memory.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from data_contracts.source_specs import Lookup
from recsys_pipelines.conversion import Raw, text
from recsys_pipelines.sources.source import (
    ROW,
    BadPart,
    MalformedPart,
    MissingPart,
    Needs,
    Part,
    Pulled,
    Pulling,
    Source,
    is_in,
)

_KEY = "__key"


@dataclass(frozen=True)
class LookedUp:
    """``source`` with the columns of ``other`` (one file, or several with the same columns)."""

    source: Source
    other: Source
    lookup: Lookup

    def parts(self) -> list[Part]:
        """The source's parts; another content of the other file is another fingerprint of each of them."""
        other = "".join(part.fingerprint for part in self._others())
        return [Part(part.name, _digest(part.fingerprint, other)) for part in self.source.parts()]

    @contextmanager
    def rows(self, part: Part, needs: Needs) -> Iterator[pl.LazyFrame]:
        """The rows of one part, each with what was found. Raises ``BadPart`` about the part, also for the lookup."""
        found = self._found(part, needs)
        own, key = needs.without(found.columns), self.lookup.on[0]
        wanted = Needs(tuple(sorted({*own.wanted, key})), tuple(sorted({*own.required, key})))
        with self.source.rows(part, wanted) as rows:
            schema = rows.collect_schema()
            found = found.drop(name for name in found.columns if name in schema)
            keyed = rows.with_columns(_key(key, schema[key]))
            yield keyed.join(found.lazy(), on=_KEY, how="left", maintain_order="left").drop(_KEY)

    def columns(self, part: Part) -> dict[str, str]:
        """Every column of the part and of the other file. Raises ``BadPart``."""
        with _about(part):
            types = self.other.columns(self.other.parts()[0])
        return {self.lookup.prefix + name: type for name, type in types.items()} | self.source.columns(part)

    def _found(self, part: Part, needs: Needs) -> pl.DataFrame:
        """The other file's columns that are wanted, by key."""
        with _about(part):
            parts = self.other.parts()
            found = pl.concat([self._table(each, needs) for each in parts], how="diagonal_relaxed")
            _require_unique(found, parts[0].name, self.lookup.on[1])
        return found

    def _table(self, part: Part, needs: Needs) -> pl.DataFrame:
        prefix, (_, key) = self.lookup.prefix, self.lookup.on
        wanted = sorted(name.removeprefix(prefix) for name in needs.wanted if name.startswith(prefix))
        with self.other.rows(part, Needs(tuple(sorted({*wanted, key})), (key,))) as rows:
            schema = rows.drop(ROW).collect_schema()
            kept = [name for name in schema if any(is_in(each, (name,)) for each in wanted)]
            table = rows.select(_key(key, schema[key]), *(pl.col(name).alias(prefix + name) for name in kept))
            return table.filter(pl.col(_KEY).is_not_null()).collect()

    def _others(self) -> list[Part]:
        try:
            return list(self.other.parts())
        except MissingPart:  # a fault of each part, once its rows are read
            return []


@dataclass(frozen=True)
class PullingLookedUp(LookedUp):
    """The same for a source that is pulled."""

    @property
    def name(self) -> str:
        """What the landed files of the source are called."""
        assert isinstance(self.source, Pulling)  # `opening` makes no other
        return self.source.name

    def pull(self, now: datetime) -> Pulled:
        """Land what is new in the source; the other file is read where it is. Raises ``SourceError``."""
        assert isinstance(self.source, Pulling)  # `opening` makes no other
        return self.source.pull(now)


def _key(name: str, dtype: pl.DataType) -> pl.Expr:
    return text(Raw(pl.col(name), dtype)).alias(_KEY)


def _require_unique(found: pl.DataFrame, name: str, key: str) -> None:
    counted = found.group_by(_KEY).len().filter(pl.col("len") > 1).sort(_KEY)
    if counted.height:
        twice, rows = counted.row(0)
        raise MalformedPart(
            name, f"{key} {twice!r} is in {rows:,} rows, and may be in one only, since rows are joined by it"
        )


@contextmanager
def _about(part: Part) -> Iterator[None]:
    """A fault of the other file is a fault of the part that needs it."""
    try:
        yield
    except BadPart as error:
        raise type(error)(part.name, f"its lookup {error.name}: {error.problem}") from error


def _digest(*fingerprints: str) -> str:
    return hashlib.sha256("\n".join(fingerprints).encode()).hexdigest()
