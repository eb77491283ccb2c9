"""From an entry of a tenant document to the source that reads it: one line per kind."""

from data_contracts.source_specs import ORIGINS, SourceSpec
from recsys_pipelines.sources.files import FileSource
from recsys_pipelines.sources.folders import WithFolders
from recsys_pipelines.sources.kafka import KafkaSource
from recsys_pipelines.sources.lookup import LookedUp, PullingLookedUp
from recsys_pipelines.sources.objects import SCHEME, ObjectSource
from recsys_pipelines.sources.postgres import PostgresSource
from recsys_pipelines.sources.server_log import ServerLogSource
from recsys_pipelines.sources.source import Place, Pulling, Source, SourceError


class UnknownSource(SourceError):
    """No code reads this kind of source."""


def opened(spec: SourceSpec, place: Place) -> Source:
    """The source of one entry, with the columns of its folders and of its lookup. Raises ``UnknownSource``."""
    source = _opened(spec, place)
    if spec.folder_columns:
        source = WithFolders(source)
    if spec.lookup is None:
        return source
    other = _opened(SourceSpec(path=spec.lookup.path, format=spec.lookup.format), place)
    return (PullingLookedUp if isinstance(source, Pulling) else LookedUp)(source, other, spec.lookup)


def _opened(spec: SourceSpec, place: Place) -> Source:
    if spec.postgres:
        return PostgresSource(spec, place)
    if spec.kafka:
        return KafkaSource(spec, place)
    if spec.server_log:
        return ServerLogSource(spec, place)
    if spec.path.startswith(SCHEME):
        return ObjectSource(spec, place.environ)
    if spec.path and "://" not in spec.path:
        return FileSource(spec, place.folder, place.environ)
    raise UnknownSource(
        f"no source reads {spec.path.partition('://')[0]}://; a path is a file, a folder, a glob or s3://bucket/key"
        if spec.path
        else f"a source says exactly one of {', '.join(ORIGINS)}"
    )
