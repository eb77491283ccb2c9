"""What Dagster costs: the daily job of the demo shop in process, over the same library calls without it.

Both do all of the work again on a warm process (imports are paid once and not counted); rounds are interleaved. The
difference is events, checks and metadata in SQLite, per step.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import perf_counter

from assets.evaluation import evaluate_day
from assets.partitions import Scope
from jobs.launch import launch
from recsys_pipelines.algorithm import discover
from recsys_pipelines.ingest import land, settle
from recsys_pipelines.quality_page import write_page
from recsys_pipelines.releasing import release_day
from recsys_pipelines.training import FITS, train, weigh
from recsys_pipelines.validation import validate
from recsys_pipelines.workshop import Workshop

ROUNDS = 5
DAY = date(2026, 1, 28)


def plain(shop: Workshop, scope: Scope) -> None:
    """The daily job as calls."""
    tenant = shop.tenant(scope.tenant)
    land(tenant.document, tenant.folder, shop.lake, environ=shop.environ, now=shop.now())
    verdict = validate(tenant.document, shop.lake, day=scope.day)
    write_page(verdict, shop.report_folder(scope.tenant, scope.day.isoformat()))
    settle(tenant.document, shop.lake, until=scope.day, rewrite=scope.days)
    for fit in FITS:
        weigh(tenant.document, shop.lake, scope.day, fit)
    for algorithm in discover():
        train(tenant.document, shop.lake, scope.day, algorithm)
    evaluate_day(shop, scope)
    release_day(shop, scope.tenant, scope.day)


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    started = perf_counter()
    work()
    return perf_counter() - started


def main() -> None:
    """Interleaved rounds after one of each that is not counted."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"RECSYS_HOME": home, "RECSYS_TENANTS": str(Path("examples/data").absolute())}
        shop, scope = Workshop(dict(os.environ)), Scope("demo", DAY, DAY)
        differences = []
        for number in range(ROUNDS + 1):
            calls, job = timed(lambda: plain(shop, scope)), timed(lambda: launch(shop, scope, log="silent"))
            if number:
                differences.append(job - calls)
                print(f"calls {calls:.2f} s, job {job:.2f} s: {job / calls:.2f} x, {job - calls:+.2f} s")
        print(f"Dagster adds {sorted(differences)[len(differences) // 2]:.2f} s to a daily run of 10 steps (median)")


if __name__ == "__main__":
    sys.exit(main())
