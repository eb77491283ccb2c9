"""Files of this disk as a source, each in any format, also compressed (.gz, .zst): one file, a folder or a glob."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.naming import is_meant, spelled
from recsys_pipelines.sources.reading import file_columns, file_rows
from recsys_pipelines.sources.source import MissingPart, Needs, Part
from recsys_pipelines.sources.variables import expanded


@dataclass(frozen=True)
class FileSource:
    """The files of one entry of a tenant document; ``folder`` is where the document stands."""

    spec: SourceSpec
    folder: Path
    environ: Mapping[str, str]

    def parts(self) -> list[Part]:
        """Every file, by name. Raises ``MissingPart`` if there is none, and ``UnsetVariable``."""
        return [Part(name, fingerprint(path)) for name, path in self._files().items()]

    def rows(self, part: Part, needs: Needs) -> AbstractContextManager[pl.LazyFrame]:
        """The rows of one file. Raises ``BadPart``, also for what only shows while the frame is collected."""
        return file_rows(self._file(part), part.name, self.spec, needs)

    def columns(self, part: Part) -> dict[str, str]:
        """Every column of one file with its type, from its head. Raises ``BadPart``."""
        return file_columns(self._file(part), part.name, self.spec)

    def _file(self, part: Part) -> Path:
        path = self._files().get(part.name)
        if path is None:
            raise MissingPart(part.name, "the file was there a moment ago, and is gone")
        return path

    def _files(self) -> dict[str, Path]:
        """Every file's path, by its name."""
        folder, pattern = path = spelled(self.spec.path)
        base = self.folder / expanded(folder, self.environ)
        if not pattern and not base.is_dir():
            found = {path.name(""): base} if base.exists() else {}
        else:
            found = {path.name(inside): base / inside for inside in sorted(self._insides(base, pattern))}
        if not found:
            raise MissingPart(self.spec.path, "there is no such file")
        return found

    def _insides(self, base: Path, pattern: str) -> Iterator[str]:
        for path in base.glob(pattern or "**/*"):
            inside = path.relative_to(base).as_posix()
            if is_meant(inside, self.spec, pattern) and path.is_file():
                yield inside


def fingerprint(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex; empty if they cannot be read, which whoever reads its rows will see."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
