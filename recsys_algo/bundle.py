"""A generation in memory: the catalog, the candidate sources and how the surface ranks; frozen, mapped read-only.

A bundle is built aside and swapped in by one assignment; requests in flight keep the one that they began with.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from data_contracts.documents import Ranking
from data_contracts.manifest import ENGINE_API, Artifact, File, Manifest, canonical
from recsys_algo.arrays import Array, Arrays, mapped
from recsys_algo.candidates import DEFAULT_SEGMENT, ItemNeighbors, ItemScores, Source, UserItems
from recsys_algo.caps import Caps, capped
from recsys_algo.catalog import Catalog
from recsys_algo.encode import Encoded
from recsys_algo.errors import BadArtifact
from recsys_algo.penalties import PENALTIES, Penalties
from recsys_algo.ranker import LAMBDAMART, SECOND_STAGE, WEIGHTS, Ranker, weights_of
from recsys_algo.segments import Segments
from recsys_algo.shares import Shares, weighed
from recsys_algo.slate import Mask
from recsys_algo.vectors import Vectors

CATALOG, HISTORY, SEEN = "items", "history", "seen."
NOT_SOURCES = ("catalog", "ranker", "segments", PENALTIES)  # shapes that propose nothing


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Bundle:
    """All that ranking reads. ``seen`` is by event type; its scores are the epoch day of the newest such event.

    ``sources`` are by artifact name; one of another segment than the default is called ``name@segment``. A surface with
    a second stage has ``learned`` weights, which are used instead of those of ``ranking``, or a ``ranker``.
    """

    tenant: str
    surface: str
    generation: int
    catalog: Catalog
    sources: Mapping[str, Source]
    ranking: Ranking
    algo_version: str
    config_version: str
    window_end: datetime
    history: UserItems | None = None
    learned: Mapping[str, float] | None = None
    ranker: Ranker | None = None
    seen: Mapping[str, UserItems] = field(default_factory=dict)
    blocked: Mask | None = None
    segments: Segments | None = None  # of users, where a source has lists of theirs
    penalties: Penalties | None = None  # of items that turned out badly, where the surface asks for them

    def __repr__(self) -> str:
        return f"Bundle({self.tenant}/{self.surface}, generation {self.generation}, {len(self.catalog)} items)"

    @cached_property
    def caps(self) -> Caps | None:
        """What the surface caps by default."""
        ranking = self.ranking
        return capped(self.catalog, ranking.max_per_brand, ranking.max_per_category, ranking.max_per_tag)

    @property
    def second_stage(self) -> str | None:
        """The model of the second stage, if the surface was published with one."""
        return LAMBDAMART if self.ranker else WEIGHTS if self.learned else None

    @property
    def weights(self) -> Mapping[str, float]:
        """What each source counts for."""
        return self.ranking.weights if self.learned is None else self.learned

    @cached_property
    def shares(self) -> Shares:
        """What the surface asks by default."""
        return weighed(self.sources, self.weights)

    @cached_property
    def popularity(self) -> Array | None:
        """Per item, the share of the catalog's items that fewer histories hold; None without histories."""
        if self.history is None:
            return None
        counts = np.bincount(self.history.rows.indices, minlength=len(self.catalog))
        share: Array = np.sort(counts).searchsorted(counts) / max(len(counts), 1)
        return share


def open_bundle(
    manifest: Manifest,
    path_of: Callable[[File], Path],
    ranking: Ranking,
    *,
    artifacts: tuple[Artifact, ...] | None = None,
) -> Bundle:
    """The bundle of a manifest whose files are at ``path_of``. Raises ``BadArtifact``.

    ``artifacts`` opens others than the served ones, such as ``manifest.evaluation.artifacts``; the catalog is the
    served one if they have none of their own.
    """
    chosen = manifest.artifacts if artifacts is None else artifacts
    if all(artifact.name != CATALOG for artifact in chosen):
        chosen = (*(artifact for artifact in manifest.artifacts if artifact.name == CATALOG), *chosen)
    tables = [
        _Table(a.name, a.kind, a.shape, a.segment, [(file.name, path_of(file)) for file in a.files]) for a in chosen
    ]
    return _bundle(
        tables,
        ranking,
        _Identity(
            manifest.tenant,
            manifest.surface,
            manifest.generation,
            _algo_version(manifest.lineage.model_name, manifest.lineage.model_version),
            manifest.config.sha256[:12],
            manifest.window.end,
        ),
    )


def open_encoded(  # noqa: PLR0917  (a manifest in five facts)
    tenant: str, surface: str, encoded: Sequence[Encoded], ranking: Ranking, window_end: datetime
) -> Bundle:
    """A bundle straight from the encoder's output, as generation 0."""
    tables = [_Table(e.name, e.kind, e.shape, e.segment, [(path.name, path) for path in e.files]) for e in encoded]
    config_version = hashlib.sha256(canonical(ranking)).hexdigest()[:12]
    return _bundle(tables, ranking, _Identity(tenant, surface, 0, _algo_version("", ""), config_version, window_end))


class _Table(NamedTuple):
    name: str
    kind: str
    shape: str
    segment: str
    files: list[tuple[str, Path]]

    @property
    def key(self) -> str:
        return self.name if self.segment == DEFAULT_SEGMENT else f"{self.name}@{self.segment}"


class _Identity(NamedTuple):
    tenant: str
    surface: str
    generation: int
    algo_version: str
    config_version: str
    window_end: datetime


def _algo_version(model: str, version: str) -> str:
    return f"engine-{ENGINE_API}" + (f"+{model}" if model else "") + (f".{version}" if version else "")


def _bundle(tables: Iterable[_Table], ranking: Ranking, identity: _Identity) -> Bundle:
    opened = [(table, mapped(table.name, table.files)) for table in tables]
    catalogs = [Catalog.of(arrays) for table, arrays in opened if table.shape == "catalog"]
    if len(catalogs) != 1:
        raise BadArtifact(f"a generation has exactly one catalog; that of {identity.tenant!r} has {len(catalogs)}")
    catalog = catalogs[0]
    second = _second_stage([pair for pair in opened if pair[0].name == f"{SECOND_STAGE}{identity.surface}"])
    lists = [pair for pair in opened if pair[0].shape not in NOT_SOURCES]
    sources = {table.key: _source(table, arrays, catalog) for table, arrays in lists}
    users = {name: source for name, source in sources.items() if isinstance(source, UserItems)}
    return Bundle(
        **identity._asdict(),
        catalog=catalog,
        sources={name: sources[name] for name in sorted(sources) if name != HISTORY and not name.startswith(SEEN)},
        ranking=ranking,
        history=users.get(HISTORY),
        learned=second if isinstance(second, dict) else None,
        ranker=second if isinstance(second, Ranker) else None,
        seen={name.removeprefix(SEEN): users[name] for name in sorted(users) if name.startswith(SEEN)},
        blocked=catalog.mask_of_ids(ranking.blocked_items, catalog.archived),
        segments=_segments([pair for pair in opened if pair[0].shape == "segments"]),
        penalties=_penalties([pair for pair in opened if pair[0].shape == PENALTIES], ranking, len(catalog)),
    )


def _second_stage(opened: Sequence[tuple[_Table, Arrays]]) -> Ranker | dict[str, float] | None:
    """Trees or weights; None if the surface was published without."""
    for table, arrays in opened:
        try:
            return weights_of(arrays) if table.kind == WEIGHTS else Ranker.of(arrays)
        except BadArtifact as error:
            raise BadArtifact(f"{table.name}: {error}") from error
    return None


def _segments(opened: Sequence[tuple[_Table, Arrays]]) -> Segments | None:
    for table, arrays in opened:
        try:
            return Segments.of(arrays)
        except BadArtifact as error:
            raise BadArtifact(f"{table.name}: {error}") from error
    return None


def _penalties(opened: Sequence[tuple[_Table, Arrays]], ranking: Ranking, items: int) -> Penalties | None:
    """None where the surface asks for none, or was published before there were any."""
    weights = msgspec.structs.asdict(ranking.penalties) if ranking.penalties else {}
    for table, arrays in opened:
        try:
            return Penalties.of(arrays, weights, items)
        except BadArtifact as error:
            raise BadArtifact(f"{table.name}: {error}") from error
    return None


def _source(table: _Table, arrays: Arrays, catalog: Catalog) -> Source:
    try:
        match table.shape:
            case "item_scores":
                return ItemScores.of(table.key, table.kind, arrays)
            case "item_neighbors":
                return ItemNeighbors.of(table.key, table.kind, arrays, catalog)
            case "user_items":
                return UserItems.of(table.key, table.kind, arrays)
            case "vectors":
                return Vectors.of(table.key, table.kind, arrays, len(catalog))
    except BadArtifact as error:
        raise BadArtifact(f"{table.name}: {error}") from error
    raise BadArtifact(f"{table.name}: no source has the shape {table.shape!r}")
