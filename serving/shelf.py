"""What a worker serves at one moment: a bundle per tenant and surface, and what it could not load.

A shelf is frozen. Loading makes a new one beside it, and swapping it in is one assignment; whoever took the old one
finishes with it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple, Self

from data_contracts.manifest import Manifest
from recsys_algo.bundle import Bundle
from recsys_algo.stringmap import StringMap
from serving.errors import InvalidTenant, NotReady, ServingError, SurfaceNotFound, TenantNotFound

Place = tuple[str, str]  # tenant and surface


class Served(NamedTuple):
    """A generation in memory; ``tag`` is the pointer's when it was read, ``users`` all of whom it knows something."""

    bundle: Bundle
    manifest: Manifest
    tag: str
    default_surface: str
    users: tuple[StringMap, ...]


class Failure(NamedTuple):
    """What kept the newest generation of a surface from being loaded."""

    reason: str
    detail: str
    at: datetime


@dataclass(frozen=True, eq=False, kw_only=True)
class Shelf:
    """``store_failure`` says why the list of surfaces itself could not be read."""

    tenants: Mapping[str, Mapping[str, Served]] = field(default_factory=dict)
    failures: Mapping[Place, Failure] = field(default_factory=dict)
    store_failure: Failure | None = None

    def with_served(self, place: Place, served: Served) -> Self:
        """The shelf with one bundle more or a newer one, and without that surface's failure."""
        tenant, surface = place
        surfaces = {**self.tenants.get(tenant, {}), surface: served}
        failures = {other: failure for other, failure in self.failures.items() if other != place}
        return replace(self, tenants={**self.tenants, tenant: surfaces}, failures=failures)

    def with_failure(self, place: Place, failure: Failure) -> Self:
        """The shelf with what it had, and the reason why it is not newer."""
        return replace(self, failures={**self.failures, place: failure})

    def at(self, place: Place) -> Served | None:
        """What is served there."""
        return self.tenants.get(place[0], {}).get(place[1])

    @property
    def places(self) -> Iterator[tuple[Place, Served]]:
        """Everything that is served, by tenant and surface."""
        for tenant in sorted(self.tenants):
            for surface in sorted(self.tenants[tenant]):
                yield (tenant, surface), self.tenants[tenant][surface]

    @property
    def degraded(self) -> bool:
        """Whether anything served may be older than what is published."""
        return bool(self.failures) or self.store_failure is not None

    def tenant(self, named: str | None, otherwise: str | None) -> str:
        """For which tenant a request is: the one it names, else the deployment's, else the only one there is.

        Raises ``NotReady``, ``InvalidTenant``.
        """
        self._require_something()
        if tenant := named or otherwise:
            return tenant
        if len(self._known_tenants) == 1:
            return next(iter(self._known_tenants))
        raise InvalidTenant(f"there are {len(self._known_tenants)} tenants; name one of them in the tenant header")

    def default_surface(self, tenant: str) -> str:
        """The surface of requests that name none. Raises ``NotReady``, ``TenantNotFound``."""
        self._require_something()
        if tenant not in self.tenants:
            raise self._absent(tenant, "")
        return next(iter(self.tenants[tenant].values())).default_surface

    def require(self, tenant: str) -> None:
        """That there is such a tenant, whether anything of it could be loaded or not. Raises ``TenantNotFound``."""
        if tenant not in self._known_tenants:
            raise self._absent(tenant, "")

    def served(self, tenant: str, surface: str) -> Served:
        """What answers there. Raises ``NotReady``, ``TenantNotFound``, ``SurfaceNotFound``."""
        self._require_something()
        served = self.at((tenant, surface))
        if served is None:
            raise self._absent(tenant, surface)
        return served

    def _absent(self, tenant: str, surface: str) -> ServingError:
        if tenant not in self._known_tenants:
            return TenantNotFound(f"there is no tenant {tenant!r}")
        if tenant not in self.tenants or (tenant, surface) in self.failures:
            return NotReady(f"nothing could be loaded yet of surface {surface!r} of tenant {tenant!r}")
        surfaces = ", ".join(sorted(self.tenants[tenant]))
        return SurfaceNotFound(f"tenant {tenant!r} has no surface {surface!r}; it has {surfaces}")

    def _require_something(self) -> None:
        if not self.tenants:
            raise NotReady("nothing is loaded yet: no manifest is published, or none could be read")

    @cached_property
    def _known_tenants(self) -> frozenset[str]:
        return frozenset(self.tenants).union(tenant for tenant, _ in self.failures)
