"""From landed files to what algorithms fit, for one and for ten million events: time, memory, and what it is over.

Every step runs in a process of its own, in turn with a bare scan of the files and with the plain Polars and DuckDB
query for the same result, which must agree. What is printed are medians over the rounds: seconds, CPU seconds, peak
memory, and the median of the ratios within a round. Nothing else is asserted.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
UNSET = ("PYTHONDONTWRITEBYTECODE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
SHOPS = {1_000_000: (20_000, 10_000), 10_000_000: (200_000, 50_000)}  # users and items by events
ROUNDS = {1_000_000: 5, 10_000_000: 3}
REDELIVERED = 0.02
CLOSE = 1e-9  # of sums that are added in another order
LEFT_HALF = ("ingest", "csr", "weigh", "seen")


class Run(NamedTuple):
    """What one process of a step took, and what tells its result."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    check: Mapping[str, float]


Round = Mapping[str, Run]


def main() -> int:
    """Measure and print; 1 if a query disagreed with its step."""
    from benchmarks._data_steps import STEPS  # noqa: PLC0415  (its libraries are the children's)

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", choices=SHOPS, default=[*SHOPS])
    parser.add_argument("--rounds", type=int, help="default: 5 for one million, 3 for ten")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=[*STEPS], help="in this order; default: all")
    parser.add_argument("--folder", type=Path, help="where shops are kept for the next time; default: nowhere")
    parser.add_argument("--one", metavar="STEP", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked.one, asked.folder)))
        return 0
    with tempfile.TemporaryDirectory(prefix="recsys-bench-") as scratch:
        homes = {events: (asked.folder or Path(scratch)) / str(events) for events in asked.events}
        found = {events: rounds(home, events, asked.steps, asked.rounds) for events, home in homes.items()}
    for events, each in found.items():
        show(events, each)
    if len(found) > 1:
        show_growth(*(found[events] for events in sorted(found)))
    return 0


def measured(step: str, folder: Path) -> Run:
    """One step in this process; memory is that of the whole process, interpreter and libraries included."""
    from benchmarks._data_steps import STEPS  # noqa: PLC0415

    begun, worked = perf_counter(), process_time()
    check = STEPS[step](folder)
    took, cpu = perf_counter() - begun, process_time() - worked
    return Run(took, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, check)


def rounds(home: Path, events: int, steps: Sequence[str], count: int | None) -> list[Round]:
    """Every step once per round, in the same order, so that what is compared ran within a minute."""
    make_shop(home, events)
    return [one_round(home, steps) for _ in range(count or ROUNDS[events])]


def make_shop(home: Path, events: int) -> None:
    """A file per day, and 2 % of the rows once more; nothing if it is there."""
    from recsys_pipelines.synthetic import write_shop  # noqa: PLC0415

    if (home / "events").exists():
        return
    begun = perf_counter()
    users, items = SHOPS[events]
    write_shop(home, users=users, items=items, events=events, days=28, chunk=1_000_000, redelivered=REDELIVERED)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{events:,} events made in {perf_counter() - begun:.1f} s, peak {peak_mb:.0f} MB", flush=True)


def one_round(home: Path, steps: Sequence[str]) -> Round:
    """Raises ``SystemExit`` where a query does not give what the step gives."""
    found: dict[str, Run] = {}
    for step in steps:
        found[step] = child(step, home)
        print(f"  {step:15} {found[step].wall_s:8.2f} s {found[step].peak_mb:7.0f} MB", flush=True)
        ours = found.get("ingest" if step == "backfill" else step.split()[0])
        if ours and not same(ours.check, found[step].check):
            raise SystemExit(f"{step} gives {found[step].check}, and not {ours.check}")
    return found


def child(step: str, home: Path) -> Run:
    """The step in a process of its own. Raises ``SystemExit`` if it failed."""
    environ = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [sys.executable, "-m", "benchmarks.data_plane", "--one", step, "--folder", str(home)]
    done = subprocess.run(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise SystemExit(f"{step} ended with {done.returncode}")
    return Run(*json.loads(done.stdout.splitlines()[-1]))


def same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Equal but for the order in which floats were added."""
    return one.keys() == other.keys() and all(math.isclose(one[name], other[name], rel_tol=CLOSE) for name in one)


def show(events: int, found: Sequence[Round]) -> None:
    """The table of one size."""
    print(f"\n{events:,} events, {len(found)} rounds: medians, and ratios within a round (time; memory in brackets)")
    print(f"{'step':15}{'s':>8}{'CPU s':>8}{'MB':>7}{'/ scan':>8}{'/ polars':>14}{'/ duckdb':>14}")
    for step in found[0]:
        middle = [median(each[step][n] for each in found) for n in range(3)]
        line = f"{step:15}{middle[0]:8.2f}{middle[1]:8.2f}{middle[2]:7.0f}"
        line += f"{over(found, step, 'scan')[0]:8.1f}" if "scan" in found[0] else ""
        for peer in ("polars", "duckdb"):
            if f"{step} {peer}" in found[0]:
                line += "{:8.2f} ({:.2f})".format(*over(found, step, f"{step} {peer}"))
        print(line)
    if {"validate", "ingest"} <= found[0].keys():
        print(f"validate / ingest {over(found, 'validate', 'ingest')[0]:.2f}, aim <= 1")
    if {"backfill", "ingest", "weigh"} <= found[0].keys():
        ratio = median(each["backfill"].wall_s / (each["ingest"].wall_s + each["weigh"].wall_s) for each in found)
        print(f"backfill / rebuild (ingest + weigh) {ratio:.2f}, aim <= 1.5")
    if {"csr", "csr duckdb"} <= found[0].keys():
        print(
            "csr / duckdb {:.2f} (aim <= 0.9) in time, {:.2f} (aim <= 0.6) in memory".format(
                *over(found, "csr", "csr duckdb")
            )
        )
    peak = max((median(each[step].peak_mb for each in found), step) for step in found[0] if step in LEFT_HALF)
    print(f"highest peak of {', '.join(LEFT_HALF)}: {peak[0]:.0f} MB in {peak[1]}, aim < 3072")


def show_growth(small: Sequence[Round], large: Sequence[Round]) -> None:
    """How the time of each step grows from the smaller shop to the larger one."""
    print("\ntime of the larger shop over the smaller one, aim <= 12")
    for step in large[0]:
        grown = median(each[step].wall_s for each in large) / median(each[step].wall_s for each in small)
        print(f"{step:15}{grown:8.1f}")


def over(found: Sequence[Round], step: str, other: str) -> tuple[float, float]:
    """The median ratio in time and in memory."""
    return (
        median(each[step].wall_s / each[other].wall_s for each in found),
        median(each[step].peak_mb / each[other].peak_mb for each in found),
    )


if __name__ == "__main__":
    sys.exit(main())
