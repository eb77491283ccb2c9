"""Outcomes credited to exposures, for a million events or as many as asked for: time, memory, ratio to DuckDB.

Ours and the plain DuckDB query read the same two Parquet files and write the same third one, each in a process of its
own, in turn; the rows must be equal. What is printed are medians over the rounds; the peak is of the whole process.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]
UNSET = ("PYTHONDONTWRITEBYTECODE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
CHUNK = 1_000_000
PLACES = 10  # items of an answer
START_US = 1_767_225_600_000_000  # 2026-01-01
DAY_US = 86_400_000_000
TYPES = np.array(["view", "click", "add", "purchase"])
SHARES = (0.6, 0.2, 0.12, 0.08)
NAMES_ITS_ANSWER = np.array([0.9, 0.9, 0.3, 0.2])  # by type
QUERY = """
COPY (
    WITH places AS (
        SELECT request_id, item_id, ts AS exposed_at, surface, rank, source, generation, experiment_id, variant
        FROM read_parquet('{folder}/exposures.parquet')
    ),
    events AS (SELECT * FROM read_parquet('{folder}/events.parquet')),
    outcomes AS (SELECT * FROM events WHERE type IN ('click', 'add', 'purchase') AND item_id IS NOT NULL),
    touched AS (
        SELECT e.user_id, e.item_id, e.ts AS touched_at, e.event_id AS touch_id, p.* EXCLUDE (item_id)
        FROM events e JOIN places p ON e.request_id = p.request_id AND e.item_id = p.item_id
        WHERE e.type IN ('click', 'view') AND e.user_id IS NOT NULL
    ),
    credited AS (
        SELECT o.event_id, o.ts, o.type, o.user_id, o.item_id, o.amount_minor, 'request' AS method,
            o.request_id, o.event_id AS touch_id, p.* EXCLUDE (request_id, item_id)
        FROM outcomes o LEFT JOIN places p ON o.request_id = p.request_id AND o.item_id = p.item_id
        WHERE o.request_id IS NOT NULL
        UNION ALL BY NAME
        SELECT o.event_id, o.ts, o.type, o.user_id, o.item_id, o.amount_minor, 'touch' AS method,
            t.* EXCLUDE (user_id, item_id, touched_at)
        FROM (SELECT * FROM outcomes WHERE request_id IS NULL) o ASOF LEFT JOIN touched t
            ON o.user_id = t.user_id AND o.item_id = t.item_id AND o.ts >= t.touched_at
    ),
    timed AS (SELECT *, coalesce(ts <= exposed_at + INTERVAL 168 HOURS, false) AS counts FROM credited)
    SELECT event_id, ts, type, user_id, item_id,
        CASE WHEN counts THEN method END AS method,
        CASE WHEN counts THEN request_id END AS request_id,
        CASE WHEN counts THEN touch_id END AS touch_id,
        CASE WHEN counts THEN exposed_at END AS exposed_at,
        CASE WHEN counts THEN surface END AS surface,
        CASE WHEN counts THEN rank END AS rank,
        CASE WHEN counts THEN source END AS source,
        CASE WHEN counts THEN generation END AS generation,
        CASE WHEN counts THEN experiment_id END AS experiment_id,
        CASE WHEN counts THEN variant END AS variant,
        amount_minor
    FROM timed ORDER BY ts, event_id
) TO '{folder}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)
"""


class Run(NamedTuple):
    """What one process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def main() -> int:
    """Measure and print; 1 if the query disagrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("STEP", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(STEPS[asked.one[0]], Path(asked.one[1]))))
        return 0
    return max(compare(events, asked.rounds) for events in asked.events)


def compare(events: int, rounds: int) -> int:
    """Ours and DuckDB's in turn; 1 if their rows differ."""
    with tempfile.TemporaryDirectory(prefix="recsys-bench-") as name:
        folder = Path(name)
        make(folder, events)
        found = [{step: child(step, folder) for step in STEPS} for _ in range(rounds)]
        ours, theirs = (pl.read_parquet(folder / f"{step}.parquet") for step in ("attribution", "duckdb"))
        credited = ours["method"].value_counts(sort=True).rows()
        show(events, found)
        print(f"  {ours.height:,} outcomes: {', '.join(f'{count:,} by {name}' for name, count in credited)}")
        if not ours.equals(theirs.cast(dict(ours.schema))):
            print("  DuckDB gives other rows")
            return 1
    return 0


def show(events: int, found: list[Mapping[str, Run]]) -> None:
    """Medians, and the median of the ratios within a round."""
    print(f"{events:,} events")
    for step in STEPS:
        wall, cpu, peak = (median(getattr(each[step], name) for each in found) for name in Run._fields)
        ratio = median(each["attribution"].wall_s / each[step].wall_s for each in found)
        memory = median(each["attribution"].peak_mb / each[step].peak_mb for each in found)
        print(
            f"  {step:12} {wall:7.2f} s, {cpu:.2f} s CPU, {peak:5.0f} MB; ours is {ratio:.2f} x, memory {memory:.2f} x"
        )


def child(step: str, folder: Path) -> Run:
    """The step in a process of its own. Raises ``SystemExit`` if it failed."""
    environ = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [sys.executable, "-m", "benchmarks.attribution", "--one", step, str(folder)]
    done = subprocess.run(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise SystemExit(f"{step} ended with {done.returncode}")
    return Run(*json.loads(done.stdout.splitlines()[-1]))


def measured(step: Callable[[Path], None], folder: Path) -> Run:
    """One step in this process."""
    begun, worked = perf_counter(), process_time()
    step(folder)
    return Run(
        perf_counter() - begun, process_time() - worked, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    )


def scanned(folder: Path) -> None:
    """The floor: every column of every row."""
    for name in ("events", "exposures"):
        pl.read_parquet(folder / f"{name}.parquet")


def attributed(folder: Path) -> None:
    """What the asset does with a window of days."""
    from data_contracts.policies import Attribution  # noqa: PLC0415  (counted: the query needs no such thing)
    from recsys_pipelines.feedback.attribution import attributions  # noqa: PLC0415

    exposures, events = (pl.read_parquet(folder / f"{name}.parquet") for name in ("exposures", "events"))
    attributions(exposures, events, Attribution()).write_parquet(folder / "attribution.parquet", compression="zstd")


def queried(folder: Path) -> None:
    """The plain query."""
    import duckdb  # noqa: PLC0415

    duckdb.execute(QUERY.format(folder=folder))


STEPS: dict[str, Callable[[Path], None]] = {"scan": scanned, "attribution": attributed, "duckdb": queried}


def make(folder: Path, events: int) -> None:
    """Four weeks of answers, one for every five events, and what people did about them; memory holds a chunk."""
    rng = np.random.default_rng(7)
    answers = events // 5
    asked = START_US + np.sort(rng.integers(0, 28 * DAY_US, answers))
    people = rng.integers(0, max(events // 50, 10), answers)
    first, step = rng.integers(0, 10_007, answers), rng.integers(1, 1_000, answers)
    write(folder / "exposures.parquet", answers, lambda at: exposures(at, asked, first, step))

    def happened(at: np.ndarray) -> pl.DataFrame:
        answer, place = rng.integers(0, answers, at.size), rng.integers(0, PLACES, at.size)
        kind = rng.choice(len(TYPES), at.size, p=SHARES)
        ts = asked[answer] + (rng.exponential(DAY_US, at.size)).astype(np.int64)
        same = rng.random(at.size) < 0.95
        return (
            pl.DataFrame(
                {
                    "event_id": texts("e", at),
                    "ts": times(ts - ts % events + at),  # no two at the same time
                    "type": TYPES[kind],
                    "user_id": texts("u", np.where(same, people[answer], rng.permutation(people[answer]))),
                    "item_id": texts("i", (first[answer] + place * step[answer]) % 10_007),
                    "request_id": texts("r", answer),
                    "amount_minor": np.where(kind == 3, rng.integers(100, 10_000, at.size), 0),
                    "names": rng.random(at.size) < NAMES_ITS_ANSWER[kind],
                }
            )
            .with_columns(request_id=pl.when("names").then("request_id"))
            .drop("names")
        )

    write(folder / "events.parquet", events, happened)


def exposures(at: np.ndarray, asked: np.ndarray, first: np.ndarray, step: np.ndarray) -> pl.DataFrame:
    """The places of these answers; the items of an answer differ, for the number of items is a prime."""
    answer, place = np.repeat(at, PLACES), np.tile(np.arange(PLACES), at.size)
    return pl.DataFrame(
        {
            "request_id": texts("r", answer),
            "ts": times(asked[answer]),
            "surface": np.array(["home", "pdp", "cart"])[answer % 3],
            "item_id": texts("i", (first[answer] + place * step[answer]) % 10_007),
            "rank": place + 1,
            "source": "als",
            "generation": answer // 50_000,
            "experiment_id": pl.Series([None], dtype=pl.String).extend_constant(None, answer.size - 1),
            "variant": pl.Series([None], dtype=pl.String).extend_constant(None, answer.size - 1),
        },
        strict=False,
    )


def write(path: Path, rows: int, chunk: Callable[[np.ndarray], pl.DataFrame]) -> None:
    """A Parquet file of ``rows`` entries, made chunk by chunk."""
    writer = None
    for begin in range(0, rows, CHUNK):
        table: pa.Table = chunk(np.arange(begin, min(begin + CHUNK, rows))).to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


def texts(prefix: str, numbers: np.ndarray) -> pl.Series:
    """Ids of numbers, as long as real ones."""
    return pl.select(pl.format(prefix + "-{}", pl.lit(pl.Series(numbers)).cast(pl.String).str.zfill(12))).to_series()


def times(us: np.ndarray) -> pl.Series:
    """Microseconds since 1970 as times."""
    return pl.Series(us).cast(pl.Datetime("us", "UTC"))


if __name__ == "__main__":
    sys.exit(main())
