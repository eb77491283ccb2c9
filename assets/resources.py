"""What assets work with: one resource that opens lake, store and tenant documents, and holds the tenant for the run.

Dagster makes the resource once for a run with the in-process executor, before its first step, and gives it back after
its last one, also if a step fails. So whichever way a run was started, it holds the tenant's lease from end to end, and
a training that it began has an end.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import dagster as dg
from pydantic import PrivateAttr

from assets.partitions import tenant_of
from assets.trainings import end_training
from recsys_pipelines.lease import Held, hold
from recsys_pipelines.trainings import settle
from recsys_pipelines.workshop import Workshop


class Suite(dg.ConfigurableResource[Workshop]):
    """The installation under ``RECSYS_HOME``; the environment is read when a run starts, never at import."""

    _held: Held | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Suite"]:  # type: ignore[override]
        """Hold the tenant that the run's partitions name. Raises ``RunInProgress`` if another run does."""
        run = context.run
        tenant = tenant_of(run.tags) if run else None
        if run is None or tenant is None:
            yield self
            return
        shop = self._workshop
        with hold(shop.lake, tenant, holder=run.run_id, now=shop.now) as self._held:
            settle(shop.lake, shop.store, tenant, shop.now())
            try:
                yield self
            finally:
                end_training(shop, tenant, run.run_id, context.instance)

    @cached_property
    def _workshop(self) -> Workshop:
        return Workshop(dict(os.environ))

    @property
    def workshop(self) -> Workshop:
        """Lake, store and tenants. Raises ``LeaseLost`` if the run stood still for too long."""
        if self._held:
            self._held.ensure()
        return self._workshop
