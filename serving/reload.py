"""Following the store: new generations, rollbacks, tenants and surfaces appear without a restart.

Each worker polls for itself, in a thread, so that no request waits. A generation that cannot be read, verified or
probed changes nothing but the log, a counter and the word `degraded`.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from data_contracts import documents
from data_contracts.blobs import Blobs
from recsys_algo.cache import fetched
from recsys_algo.loading import Loaded, LoadFailed, load, surfaces
from serving.answers import users_of
from serving.logs import Log
from serving.metrics import Metrics
from serving.shelf import Failure, Place, Served, Shelf
from serving.tombstones import Forgotten

JITTER = 0.2  # share of the interval by which workers differ, so that they do not ask all at once


class Reloader:
    """Keeps ``shelf`` up to date; only this object assigns it."""

    def __init__(  # noqa: PLR0913  (wired once, by name)
        self,
        *,
        store: Blobs,
        forgotten: Forgotten,
        cache: Path,
        keys: Mapping[str, bytes] | None,
        metrics: Metrics,
        log: Log,
        clock: Callable[[], datetime],
    ) -> None:
        self.shelf = Shelf()
        self.polled = asyncio.Event()
        self._store, self._forgotten, self._cache, self._keys = store, forgotten, cache, keys
        self._metrics, self._log, self._clock = metrics, log, clock

    async def run(self, every_s: float) -> None:
        """Poll for ever; ``polled`` is set after the first time."""
        jitter = random.Random()
        while True:
            await asyncio.to_thread(self.poll)
            self.polled.set()
            await asyncio.sleep(every_s * jitter.uniform(1 - JITTER, 1 + JITTER))

    def poll(self) -> None:
        """Look at every pointer once and load what changed. Never raises; what fails is counted."""
        known = [place for place, _ in self.shelf.places]
        try:
            listed = surfaces(self._store)
            self.shelf = replace(self.shelf, store_failure=None)
        except Exception as error:  # noqa: BLE001 - a background loop: it goes on, whatever happens
            listed = []
            self.shelf = replace(self.shelf, store_failure=self._failed(("", ""), error))
        places = sorted({*known, *listed})
        blind = self._blind(places)
        for place in places:
            if place[0] not in blind:
                self._refresh(place)
        self._measure()

    def _blind(self, places: Sequence[Place]) -> set[str]:
        """The tenants whose tombstones cannot be read; they are read first, for that is quick and loading is not."""
        blind = set()
        for tenant in sorted({tenant for tenant, _ in places}):
            try:
                self._forgotten.refresh(tenant)
            except Exception as error:  # noqa: BLE001 - a background loop: the last known tombstones stay
                blind.add(tenant)
                failure = self._failed((tenant, "tombstones"), error)
                for place in places:
                    if place[0] == tenant:
                        self.shelf = self.shelf.with_failure(place, failure)
        return blind

    def _refresh(self, place: Place) -> None:
        current = self.shelf.at(place)
        try:
            loaded = load(self._store, *place, self._cache, known_tag=current and current.tag, keys=self._keys)
            served = current if loaded is None else self._served(loaded)
        except Exception as error:  # noqa: BLE001 - the last good bundle stays, whatever is wrong with the next
            self.shelf = self.shelf.with_failure(place, self._failed(place, error))
            return
        if served is not None:
            self.shelf = self.shelf.with_served(place, served)

    def _served(self, loaded: Loaded) -> Served:
        manifest = loaded.manifest
        document = documents.parse(fetched(self._store, manifest.config, self._cache).read_bytes(), manifest.config.uri)
        self._metrics.loads.labels(manifest.tenant, manifest.surface).inc()
        self._log.info(
            "generation_loaded", tenant=manifest.tenant, surface=manifest.surface, generation=manifest.generation
        )
        return Served(loaded.bundle, manifest, loaded.pointer_tag, document.default_surface, users_of(loaded.bundle))

    def _failed(self, place: Place, error: Exception) -> Failure:
        expected = isinstance(error, LoadFailed)
        kind, reason = (error.kind, error.reason) if isinstance(error, LoadFailed) else ("bundle", "unexpected")
        self._metrics.load_failures.labels(kind, reason).inc()
        failure = Failure(reason, str(error), self._clock())
        self._log.error("load_failed", place="/".join(place), kind=kind, **failure._asdict(), exc_info=not expected)
        return failure

    def _measure(self) -> None:
        for place, served in self.shelf.places:
            age = self._clock() - served.manifest.created_at
            self._metrics.generation.labels(*place).set(served.manifest.generation)
            self._metrics.manifest_age.labels(*place).set(age.total_seconds())
            self._metrics.artifacts.labels(*place).set(len(served.manifest.artifacts))
