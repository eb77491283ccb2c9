"""What the server's own workers landed, as a source: ``events/tenant=/date=/*.jsonl``, a ``records.Event`` per line.

No ``fields`` are needed: what an event says inside ``meta`` (surface, request_id, rank, session_id) is lifted into
columns of those names, and stays in ``meta`` too. A segment is landed once and never changes but to forget somebody, so
its name is its fingerprint.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobMissing
from data_contracts.layout import segment
from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.fetching import fetched, reaching
from recsys_pipelines.sources.reading import file_columns, file_rows
from recsys_pipelines.sources.source import MissingPart, Needs, Part, Place, SourceError

INSIDE_META = ("surface", "request_id", "rank")  # columns of ours that an event has in its meta
_META = "meta"
_PLAIN = SourceSpec(format="jsonl")


@dataclass(frozen=True)
class ServerLogSource:
    """The landed segments of one kind of record."""

    spec: SourceSpec
    place: Place

    def parts(self) -> list[Part]:
        """Every segment, by day and name; none before a server landed one."""
        with reaching():
            keys = [entry.key for entry in self._blobs.entries(self._prefix) if entry.key.endswith(".jsonl")]
        return [Part(self._name(key), key.rpartition("/")[2]) for key in keys]

    @contextmanager
    def rows(self, part: Part, needs: Needs) -> Iterator[pl.LazyFrame]:
        """The events of one segment. Raises ``BadPart``, also for what only shows while the frame is collected."""
        lifted = {*INSIDE_META, "session_id"}
        inner = Needs(tuple(sorted({*needs.wanted, _META})), tuple(n for n in needs.required if n not in lifted))
        with self._file(part) as path, file_rows(path, part.name, _PLAIN, inner) as rows:
            yield rows.with_columns(_lifted(name, rows.collect_schema()) for name in sorted(lifted))

    def columns(self, part: Part) -> dict[str, str]:
        """Every key of the segment's events, as the first ones read. Raises ``BadPart``."""
        with self._file(part) as path:
            return file_columns(path, part.name, _PLAIN)

    @contextmanager
    def _file(self, part: Part) -> Iterator[Path]:
        try:
            with fetched(self._blobs, f"{self._kind}/tenant={self._tenant}/{part.name.partition('/')[2]}") as path:
                yield path
        except BlobMissing as error:
            raise MissingPart(part.name, "the segment was there a moment ago, and is gone") from error

    def _name(self, key: str) -> str:
        """``server_log/date=.../....jsonl``: the same on every machine."""
        return f"server_log/{key.removeprefix(self._prefix)}"

    @property
    def _prefix(self) -> str:
        return f"{self._kind}/tenant={self._tenant}/"

    @property
    def _tenant(self) -> str:
        return segment(self.place.tenant, "tenant")

    @property
    def _kind(self) -> str:
        assert self.spec.server_log is not None  # checked where the document is read
        return self.spec.server_log.kind

    @property
    def _blobs(self) -> Blobs:
        if self.place.landing is None:
            raise SourceError("the server's log is in the landing area, and here is none")
        return self.place.landing


def _lifted(name: str, there: pl.Schema) -> pl.Expr:
    """The event's own column if it has a value, else what its meta says."""
    inside = pl.col(_META).str.json_path_match(f"$.{name}")
    return (pl.coalesce(pl.col(name).cast(pl.String), inside) if name in there else inside).alias(name)
