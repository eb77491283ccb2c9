"""The places that one process of the pipeline works with, opened once: lake, store, working files, tenants."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from data_contracts.blobs import Blobs
from data_contracts.layout import Locations
from data_contracts.open import open_blobs
from recsys_pipelines import tenants
from recsys_pipelines.lake import Lake


@dataclass(frozen=True)
class Workshop:
    """What an edge (an asset, a command) needs to call the library; the environment is an argument."""

    environ: Mapping[str, str]

    @cached_property
    def locations(self) -> Locations:
        """Where the state of this installation is."""
        return Locations.from_environ(self.environ)

    @cached_property
    def lake(self) -> Lake:
        """The tables of the pipeline."""
        return Lake(open_blobs(self.locations.lake, self.environ))

    @cached_property
    def store(self) -> Blobs:
        """Published artifacts, manifests and pointers."""
        return open_blobs(self.locations.store, self.environ)

    @property
    def cache(self) -> Path:
        """Blobs that were fetched from the store, by content."""
        return self.locations.cache

    def tenant(self, name: str) -> tenants.Tenant:
        """The document of one tenant, read now."""
        return tenants.tenant(name, self.environ)

    def report_folder(self, tenant: str, day: str) -> Path:
        """Where the reports of one run go."""
        return self.locations.reports / tenant / day

    def now(self) -> datetime:
        """The clock of the process; the library itself never reads it."""
        return datetime.now(UTC)
