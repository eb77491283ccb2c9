"""Prometheus metrics that add up over all workers.

They carry no user and no request, and a tenant only where the store, not a caller, says its name: their number is
bounded by what is published. With several workers ``PROMETHEUS_MULTIPROC_DIR`` holds their counts (``python -m
serving`` makes it); gauges show the worst live worker.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.call import Call
from serving.run import MULTIPROC, lives

LATENCY_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_OUTCOMES = {0: "gone", 2: "ok", 4: "client_error"}  # gone: the client left before there was an answer
ITEMS = (0, 1, 2, 5, 10, 20, 50, 100, 200)


disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, which nobody reads


class Metrics:
    """Names as dashboards of this kind of server know them, so that those can be kept."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter(
            "recsys_recommendation_requests",
            "Answers of the recommending endpoints.",
            ("endpoint", "outcome", "empty"),
            registry=registry,
        )
        self.latency = Histogram(
            "recsys_recommendation_latency_seconds",
            "From the request's arrival to the end of its answer.",
            ("endpoint", "outcome"),
            buckets=LATENCY_S,
            registry=registry,
        )
        self.returned = Histogram(
            "recsys_recommendation_returned_items",
            "Items per successful answer.",
            ("endpoint",),
            buckets=ITEMS,
            registry=registry,
        )
        self.warnings = Counter(
            "recsys_recommendation_warnings", "Warnings in answers.", ("endpoint", "code"), registry=registry
        )
        self.fallbacks = Counter(
            "recsys_fallback", "Successful answers by the rung of the fallback ladder.", ("level",), registry=registry
        )
        self.load_failures = Counter(
            "recsys_artifact_load_failures",
            "Generations that could not be loaded, each time that it was tried.",
            ("kind", "reason"),
            registry=registry,
        )
        self.loads = Counter(
            "recsys_artifact_loads", "Generations loaded and swapped in.", ("tenant", "surface"), registry=registry
        )
        self.generation = _gauge(
            "recsys_generation", "Generation served; the oldest of all workers.", "livemin", registry
        )
        self.manifest_age = _gauge(
            "recsys_artifact_manifest_age_seconds", "Age of the served manifest at the last poll.", "livemax", registry
        )
        self.artifacts = _gauge("recsys_artifact_manifest_artifacts", "Artifacts served.", "livemin", registry)
        self.landing_failures = Counter(
            "recsys_exposure_landing_failures",
            "Times that finished segments could not be brought to the landing area; they are kept and tried again.",
            registry=registry,
        )
        self.events_landing_failures = Counter(
            "recsys_events_landing_failures", "The same for segments of events.", registry=registry
        )
        self.exposures = Counter("recsys_exposure_records", "Exposure records written.", registry=registry)
        self.exposures_dropped = Counter(
            "recsys_exposure_dropped", "Exposure records that could not be written.", ("reason",), registry=registry
        )

        self.events = Counter(
            "recsys_events_received",
            "Events that were sent: accepted, duplicate, rejected, or lost because they could not be stored.",
            ("tenant", "type", "outcome"),
            registry=registry,
        )

        self._answered: dict[tuple[str, str, bool], _Answered] = {}
        self._good: dict[tuple[str, int], tuple[Histogram, Counter]] = {}

    def answered(self, endpoint: str, call: Call) -> None:
        """Count one answer of a recommending endpoint."""
        outcome = _OUTCOMES.get(call.status // 100, "error")
        counted = self._counted(endpoint, outcome, empty=outcome == "ok" and not call.returned)
        counted.requests.inc()
        counted.latency.observe(call.seconds)
        if outcome == "ok":
            returned, fallbacks = self._counted_good(endpoint, call.fallback_level)
            returned.observe(call.returned)
            fallbacks.inc()
            self.exposures.inc(call.recorded)
            for code in call.warnings:
                self.warnings.labels(endpoint, code).inc()

    def _counted(self, endpoint: str, outcome: str, *, empty: bool) -> "_Answered":
        """The series of such answers; looking them up anew each time costs more than counting."""
        key = (endpoint, outcome, empty)
        if key not in self._answered:
            requests = self.requests.labels(endpoint, outcome, str(empty).lower())
            self._answered[key] = _Answered(requests, self.latency.labels(endpoint, outcome))
        return self._answered[key]

    def _counted_good(self, endpoint: str, level: int) -> tuple[Histogram, Counter]:
        key = (endpoint, level)
        if key not in self._good:
            self._good[key] = (self.returned.labels(endpoint), self.fallbacks.labels(level))
        return self._good[key]

    def render(self) -> bytes:
        """Prometheus' text format, over all live and dead workers of this server."""
        folder = os.environ.get(MULTIPROC)
        if not folder:
            return generate_latest(self._registry)
        _forget_dead(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]  # the library is not typed here
        return generate_latest(registry)


class _Answered(NamedTuple):
    requests: Counter
    latency: Histogram


def _gauge(name: str, documentation: str, mode: Any, registry: CollectorRegistry) -> Gauge:
    return Gauge(name, documentation, ("tenant", "surface"), multiprocess_mode=mode, registry=registry)


def _forget_dead(folder: Path) -> None:
    """Drop the gauges of workers that are gone; what they counted stays."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit() and not lives(pid):
            mark_process_dead(int(pid), str(folder))  # type: ignore[no-untyped-call]
