"""Where a person is: every store of an installation, searched in the same way before and after they are forgotten."""

from collections.abc import Iterator

import msgspec

from recsys_pipelines.privacy.in_lake import LakeRecords, LakeTables
from recsys_pipelines.privacy.in_landing import DeadLetters, ServerLogs, Spool
from recsys_pipelines.privacy.in_pages import Databases, Pages
from recsys_pipelines.privacy.in_pulled import PulledFiles
from recsys_pipelines.privacy.in_store import Cache, Generations, Orphans
from recsys_pipelines.privacy.keeping import Held, Keeper, searched
from recsys_pipelines.privacy.person import Person
from recsys_pipelines.sources.source import Place
from recsys_pipelines.workshop import Workshop

OUTSIDE = (
    "files and databases of the customer, which are only read: rows of the person in them are left out of the lake",
    "standard output of servers, spools and caches on other machines, backups, and databases that are not SQLite",
    "tombstones and the proofs under reports/TENANT/forgotten, which hold the person's pseudonym and nothing else",
)


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """One store: how it was searched, and where the person is in it."""

    store: str
    method: str
    held: tuple[Held, ...]


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Every store."""

    tenant: str
    stores: tuple[Searched, ...]
    outside: tuple[str, ...] = OUTSIDE

    @property
    def held(self) -> tuple[Held, ...]:
        """Everywhere the person still is."""
        return tuple(held for store in self.stores for held in store.held)


def search(shop: Workshop, person: Person) -> Search:
    """Look everywhere; nothing is changed. Costs one read of everything that the tenant has."""
    found = tuple(
        Searched(store=keeper.store, method=keeper.method, held=tuple(searched(keeper)))
        for keeper in keepers(shop, person)
    )
    return Search(tenant=person.tenant, stores=found)


def keepers(shop: Workshop, person: Person) -> Iterator[Keeper]:
    """Every store, in the order in which a person is taken out: what others are made from comes first."""
    yield from intake(shop, person)
    yield from lake(shop, person)
    yield from pages(shop, person)
    yield from published(shop, person)


def intake(shop: Workshop, person: Person) -> Iterator[Keeper]:
    """What was brought in. The spool comes first: what a server lands meanwhile is looked at after it."""
    tenant = shop.tenant(person.tenant)
    place = Place(person.tenant, tenant.folder, shop.environ, shop.landing)
    yield Spool(shop.locations.home, person)
    yield ServerLogs(shop.landing, person)
    yield PulledFiles(shop.landing, tenant.document, place, person)
    yield DeadLetters(shop.landing, person)


def lake(shop: Workshop, person: Person) -> tuple[LakeTables, LakeRecords]:
    """Tables and records."""
    return LakeTables(shop.lake_blobs, person), LakeRecords(shop.lake_blobs, person)


def pages(shop: Workshop, person: Person) -> tuple[Pages, Databases]:
    """What is written for people and by other programs."""
    home, mlflow, dagster = shop.locations.home, shop.locations.mlflow, shop.locations.dagster
    folders = (shop.locations.reports / person.tenant, mlflow / "artifacts" / person.tenant, dagster / "storage")
    databases = (*sorted(dagster.rglob("*.db")), *sorted(mlflow.glob("*.db")), *sorted(home.glob("*.db")))
    return Pages((*folders, home / "logs"), person), Databases(databases, person)


def published(shop: Workshop, person: Person) -> tuple[Generations, Orphans, Cache]:
    """Generations, what no generation names, and what is cached here of such."""
    generations = Generations(shop.store, person)
    needed = frozenset(generations.needed)
    return generations, Orphans(shop.store, person, needed), Cache(shop.cache, person, needed)
