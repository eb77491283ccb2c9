"""How long a server needs to have 250 MB of artifacts in memory, and what each further worker costs.

Artifacts are memory-mapped: loading is opening files, and workers share the page cache. Private memory is what a
process has for itself alone (aim: at most 50 ms warm, and 30 MB per 250 MB of artifacts). The workers are alive at the
same time, as in a server, and measure after each has answered: a mapped page that only one process has touched
counts as private, so workers that run one after the other would be charged for the page cache.
"""

import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import numpy as np

from data_contracts.documents import Ranking
from recsys_algo.bundle import open_encoded
from recsys_algo.encode import Encoded, encode_catalog, encode_table, load_items
from recsys_algo.rank import recommend
from recsys_algo.situation import Query

ITEMS, USERS, FACTORS, WORKERS = 100_000, 390_000, 128, 3
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def build(folder: Path) -> int:
    """A catalog and factors of about 250 MB; the number of bytes."""
    ids, users = [f"i{n:06d}" for n in range(ITEMS)], [f"u{n:06d}" for n in range(USERS)]
    encode_catalog({"item_id": ids, "available": [True] * ITEMS}, folder / "items")
    vectors = np.random.default_rng(1).standard_normal((ITEMS + USERS, FACTORS), dtype=np.float32)
    columns = {"entity": ["item"] * ITEMS + ["user"] * USERS, "id": ids + users, "vector": vectors}
    encode_table("als", "als", "vectors", columns, load_items(folder / "items"), folder / "als")
    return sum(path.stat().st_size for path in folder.rglob("*.npy"))


def encoded(folder: Path) -> list[Encoded]:
    """What ``build`` wrote, as the encoder returned it."""
    parts = (("items", "catalog", "catalog"), ("als", "als", "vectors"))
    return [Encoded(name, kind, shape, 0, tuple(sorted((folder / name).glob("*.npy")))) for name, kind, shape in parts]


def worker(folder: Path) -> None:
    """Open, answer once, say so and wait; then print milliseconds to open and private megabytes since the start."""
    before, started = private_mb(), perf_counter()
    bundle = open_encoded("bench", "home", encoded(folder), Ranking(weights={"als": 1.0}), NOW)
    opened_ms = (perf_counter() - started) * 1000
    recommend(bundle, Query(k=20, now=NOW, user_id="u000007"))
    print("answered", flush=True)
    sys.stdin.readline()
    print(f"{opened_ms:.1f} {private_mb() - before:.1f}", flush=True)
    sys.stdin.readline()  # stay alive until all have measured


def private_mb() -> float:
    """Memory that this process shares with nobody."""
    rows = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith(("Private_Clean", "Private_Dirty"))) / 1024


def main() -> None:
    """Build once; open in several processes that live together, on a warm page cache."""
    with tempfile.TemporaryDirectory() as name:
        size_mb = build(Path(name)) / 1e6
        command = [sys.executable, "-m", "benchmarks.bundle_load", name]
        workers = [started(command) for _ in range(WORKERS)]
        said(workers)  # each has answered
        for number, line in enumerate(said(workers)):
            opened_ms, private = (float(figure) for figure in line.split())
            share = private * 250 / size_mb
            print(f"worker {number}: {size_mb:.0f} MB opened in {opened_ms:.1f} ms, {share:.1f} MB private per 250 MB")
        for each in workers:
            each.communicate("\n")


def started(command: list[str]) -> "subprocess.Popen[str]":
    """A worker that can be talked to."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(workers: list["subprocess.Popen[str]"]) -> list[str]:
    """The next line of every worker; then each is told to go on."""
    lines = [each.stdout.readline() for each in workers if each.stdout]
    for each in workers:
        if each.stdin and lines[0].startswith("answered"):
            each.stdin.write("\n")
            each.stdin.flush()
    return lines


if __name__ == "__main__":
    worker(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
