"""Folders such as ``date=2026-01-01`` as columns of the rows below them, as Hive, Spark and others write tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from recsys_pipelines.sources.heads import reads_as
from recsys_pipelines.sources.naming import folder_values
from recsys_pipelines.sources.source import Needs, Part, Source


@dataclass(frozen=True)
class WithFolders:
    """A source of files with a text column for each such folder; it takes the place of a column of that name."""

    source: Source

    def parts(self) -> Sequence[Part]:
        """The files, as they are: a folder's value is a part of a file's name."""
        return self.source.parts()

    @contextmanager
    def rows(self, part: Part, needs: Needs) -> Iterator[pl.LazyFrame]:
        """The rows of one file and the columns of its folders. Raises ``BadPart``."""
        values = folder_values(part.name)
        with self.source.rows(part, needs.without(values)) as rows:
            yield rows.with_columns(pl.lit(value, pl.String).alias(name) for name, value in values.items())

    def columns(self, part: Part) -> dict[str, str]:
        """Every column of one file, and what each folder's value reads as. Raises ``BadPart``."""
        values = {name: reads_as([value or ""]) for name, value in folder_values(part.name).items()}
        return self.source.columns(part) | values
