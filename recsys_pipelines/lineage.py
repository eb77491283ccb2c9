"""Lineage: from any one of a release's identities to all of its others.

A manifest names the data, the settings, the code, the Dagster run and the MLflow run that a generation came from; so
whichever of them somebody holds, the manifests that have it say the rest. MLflow's run and version carry the same
facts as tags, with the generation, and the Dagster run shows generation and version at its asset `manifest`.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobMissing
from data_contracts.generations import numbers, read_manifest
from data_contracts.layout import manifests_prefix
from data_contracts.manifest import Lineage, Window
from recsys_pipelines.pointers import Place, served


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """One generation and everything that it came from."""

    surface: str
    generation: int
    current: bool
    parent: int | None
    created_at: datetime
    decision: str
    baseline_generation: int | None
    window: Window
    lineage: Lineage


def trails(store: Blobs, tenant: str) -> list[Trail]:
    """The tenant's stored generations, by surface, the newest first. Raises ``InvalidDocument``."""
    surfaces = {entry.key.split("/")[2] for entry in store.entries(manifests_prefix(tenant))}
    return [trail for surface in sorted(surfaces) for trail in _of_surface(store, tenant, surface)]


def holding(trails: list[Trail], identity: str) -> list[Trail]:
    """Those that came from a run, a version, data, settings or code of that name; the beginning of one is enough."""
    return [trail for trail in trails if any(name.startswith(identity) for name in _identities(trail))]


def _of_surface(store: Blobs, tenant: str, surface: str) -> Iterator[Trail]:
    at = served(Place(store, tenant, surface))
    for generation in reversed(numbers(store, tenant, surface)):
        try:
            manifest = read_manifest(store, tenant, surface, generation)
        except BlobMissing:  # swept since it was listed
            continue
        yield Trail(
            surface=surface,
            generation=generation,
            current=at is not None and at.pointer.generation == generation,
            parent=manifest.parent,
            created_at=manifest.created_at,
            decision=manifest.evaluation.decision,
            baseline_generation=manifest.evaluation.baseline_generation,
            window=manifest.window,
            lineage=manifest.lineage,
        )


def _identities(trail: Trail) -> list[str]:
    of = trail.lineage
    version = f"{of.model_name}/{of.model_version}"
    return [of.data_fingerprint, of.config_hash, of.git_sha, of.dagster_run_id, of.mlflow_run_id, version]
