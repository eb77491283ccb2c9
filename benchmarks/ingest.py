"""Ingest and interactions of a million events, over a bare Parquet scan of the same files.

The floor is what any tool must pay to read the columns; the ratio says what checking, splitting by day, dropping
duplicates and weighting cost on top. Peak memory is of the whole process.
"""

import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import msgspec
import polars as pl

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument, parse
from recsys_pipelines.ingest import land, settle
from recsys_pipelines.lake import Lake
from recsys_pipelines.sources.source import Place
from recsys_pipelines.synthetic import write_shop
from recsys_pipelines.training import weigh

EVENTS = 1_000_000
ROUNDS = 3
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def document() -> TenantDocument:
    """A tenant whose files already have our columns."""
    sources = {name: [{"path": f"{name}.parquet"}] for name in ("items", "users")} | {"events": [{"path": "events"}]}
    body = {
        "schema": "recsys.tenant/1",
        "tenant": "bench",
        "sources": sources,
        "algorithms": {"popularity": {}},
        "ranking": {"weights": {"popularity": 1}},
        "surfaces": {"home": {}},
    }
    return parse(msgspec.json.encode(body), "benchmark")


def scan(folder: Path) -> None:
    """The floor: read every column of every row."""
    pl.scan_parquet(folder / "events" / "*.parquet").collect()


def ingest(folder: Path, shop: TenantDocument, scratch: Path) -> None:
    """What the first assets of the daily job do."""
    lake = Lake(DirectoryBlobs(scratch))
    landing = land(shop, Place("bench", folder, {}), lake, now=NOW)
    last = max(landing.days)
    settle(shop, lake, until=last)
    weigh(shop, lake, last, "served")


def timed(work: Callable[[], None]) -> float:
    """Seconds."""
    started = perf_counter()
    work()
    return perf_counter() - started


def main() -> None:
    """Interleaved rounds; the median of the ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shop(folder / "shop", users=20_000, items=10_000, events=EVENTS, days=28)
        shop, ratios = document(), []
        for _ in range(ROUNDS):
            floor = timed(lambda: scan(folder / "shop"))
            took = timed(lambda: ingest(folder / "shop", shop, folder / "lake"))
            shutil.rmtree(folder / "lake")
            ratios.append(took / floor)
            print(f"scan {floor:.3f} s, ingest to interactions {took:.2f} s, ratio {took / floor:.1f}")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{EVENTS:,} events: {sorted(ratios)[len(ratios) // 2]:.1f} x a bare scan (median), peak {peak_mb:.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
