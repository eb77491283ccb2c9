"""From an entry of a tenant document to the source that reads it: one line per kind."""

from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.files import FileSource
from recsys_pipelines.sources.source import Place, Source, SourceError


class UnknownSource(SourceError):
    """No code reads this kind of source."""


def opened(spec: SourceSpec, place: Place) -> Source:
    """The source of one entry. Raises ``UnknownSource``."""
    if spec.path and "://" not in spec.path:
        return FileSource(spec, place.folder, place.environ)
    raise UnknownSource(f"nothing reads a source such as {spec}")
