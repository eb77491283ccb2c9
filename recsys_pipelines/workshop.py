"""The places that one process of the pipeline works with, opened once: lake, store, working files, tenants."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from data_contracts.blobs import Blobs
from data_contracts.layout import Locations
from data_contracts.open import open_blobs
from data_contracts.pseudonym import Pseudonyms, secret_at
from data_contracts.tombstones import read_tombstones
from recsys_pipelines import tenants
from recsys_pipelines.ingest import Landing, land
from recsys_pipelines.lake import Lake
from recsys_pipelines.sources.source import Place


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
        return Lake(self.lake_blobs)

    @cached_property
    def lake_blobs(self) -> Blobs:
        """What the tables are kept in, for whoever looks at all of them."""
        return open_blobs(self.locations.lake, self.environ)

    @cached_property
    def store(self) -> Blobs:
        """Published artifacts, manifests and pointers."""
        return open_blobs(self.locations.store, self.environ)

    @cached_property
    def landing(self) -> Blobs:
        """What servers and pulled sources bring."""
        return open_blobs(self.locations.landing, self.environ)

    def pseudonyms(self, tenant: str) -> Pseudonyms:
        """The pseudonyms of one tenant, the same that the server writes."""
        named = self.environ.get("RECSYS_PSEUDONYM_SECRET")
        file = self.environ.get("RECSYS_PSEUDONYM_SECRET_FILE") or self.locations.home / "pseudonym.secret"
        return Pseudonyms(named.encode() if named else secret_at(Path(file)), tenant)

    def land(self, name: str, *, full: bool = False) -> Landing:
        """Bring what is new in one tenant's sources, or with ``full`` all that they hold, into the lake."""
        found = self.tenant(name)
        place = Place(name, found.folder, self.environ, self.landing)
        return land(
            found.document,
            place,
            self.lake,
            now=self.now(),
            pseudonyms=self.pseudonyms(name),
            forgotten=self.forgotten(name),
            full=full,
        )

    def forgotten(self, tenant: str) -> frozenset[str]:
        """The pseudonyms of the people whom this tenant has forgotten."""
        engraved = read_tombstones(self.store, tenant)
        assert engraved is not None  # no tag was given that it could still have
        return engraved.tombstones.marks

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
