"""What assets work with: one resource that opens lake, store and tenant documents from the process environment."""

import os
from functools import cached_property

import dagster as dg

from recsys_pipelines.workshop import Workshop


class Suite(dg.ConfigurableResource[Workshop]):
    """The installation under ``RECSYS_HOME``; the environment is read when a run starts, never at import."""

    @cached_property
    def _workshop(self) -> Workshop:
        return Workshop(dict(os.environ))

    @property
    def workshop(self) -> Workshop:
        """Lake, store and tenants."""
        return self._workshop
