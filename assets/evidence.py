"""What the gate knows besides the metrics: slices of the test, until when the candidate learned, and its latency."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from time import perf_counter

import numpy as np
import polars as pl

from data_contracts.documents import TenantDocument
from recsys_algo.bundle import Bundle
from recsys_eval import Evidence, Metrics, slices_of
from recsys_pipelines.lake import Lake
from recsys_pipelines.replay import Fixture, answers

TIMED_USERS = 500


def evidence(document: TenantDocument, lake: Lake, day: date, fixture: Fixture) -> Evidence:
    """The slices of the fixture (past, item age, category, segment), and the newest event of the evaluated fit."""
    if not fixture.users:
        return Evidence(cut=fixture.cut)
    users = lake.read("users", document.tenant, day)
    labels = [users.select("user_id", "segment")] if {"user_id", "segment"} <= set(users.columns) else []
    pairs = lake.read("interactions_evaluated", document.tenant, day)
    return Evidence(
        slices=slices_of(fixture.truth, train=fixture.train, catalog=fixture.catalog, labels=labels),
        trained_until=pairs.select(pl.col("last_ts").max()).item(),
        cut=fixture.cut,
    )


def with_latency(
    metrics: Metrics,
    bundle: Bundle,
    entry: tuple[TenantDocument, Fixture],
    *,
    clock: Callable[[], float] = perf_counter,
) -> Metrics:
    """The metrics and ``latency_p95_ms`` of the ranking core, where the gate has a limit for it.

    Timed on at most ``TIMED_USERS`` answers after as many that are not counted. It is the core alone: what a whole
    server takes is measured by ``recsys-eval serve-metrics``. Without a limit nothing is timed, for a time is another
    one in every run.
    """
    document, fixture = entry
    if document.gate.maximum_latency_ms is None:
        return metrics
    took_ms = []
    for user in fixture.users[:TIMED_USERS] * 2:
        begun = clock()
        answers(bundle, [user], max(document.evaluation.k), fixture.cut)
        took_ms.append((clock() - begun) * 1_000)
    p95 = float(np.quantile(took_ms[len(took_ms) // 2 :], 0.95))
    return replace(metrics, summary=metrics.summary | {"latency_p95_ms": round(p95, 3)})
