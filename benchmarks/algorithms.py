"""Every algorithm with its default settings on the interactions of one and of ten million events, and a release of all.

Each step runs in a process of its own that reads the lake which the data plane made: wall time, peak memory (of the
whole process, interpreter and libraries included), rows learned; then how time grows. Aims: all together at most 12
times as long for ten times the events, and no step above 6 GiB.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import msgspec

from benchmarks.data_plane import SHOPS, UNSET, make_shop

ROOT = Path(__file__).parents[1]
BEFORE = ("ingest", "weigh", "embeddings")  # what a fit reads; not counted among the algorithms
AIM_MB, AIM_GROWTH = 6 * 1024, 12


class Run(NamedTuple):
    """What one step took."""

    wall_s: float
    peak_mb: float
    rows: int


def main() -> int:
    """Measure and print; 1 if a step failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", choices=SHOPS, default=[*SHOPS])
    parser.add_argument("--folder", type=Path, help="where shops are kept for the next time; default: nowhere")
    parser.add_argument("--only", nargs="+", help="these algorithms; default: all that are installed")
    parser.add_argument("--one", metavar="STEP", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked.one, asked.folder)))
        return 0
    with tempfile.TemporaryDirectory(prefix="recsys-bench-") as scratch:
        homes = {events: (asked.folder or Path(scratch)) / str(events) for events in asked.events}
        found = {events: each_step(home, events, asked.only or algorithms()) for events, home in homes.items()}
    show(found)
    return 0 if all(run for runs in found.values() for run in runs.values()) else 1


def algorithms() -> list[str]:
    """Those that are installed and need no settings, by name."""
    from recsys_pipelines.algorithm import discover  # noqa: PLC0415  (its libraries are the children's)

    required = {
        name: any(field.required for field in msgspec.structs.fields(kind)) for name, kind in discover().items()
    }
    return sorted(name for name, needs in required.items() if not needs)


def each_step(home: Path, events: int, names: Sequence[str]) -> dict[str, Run | None]:
    """One shop through all of it; None for a step that failed."""
    make_shop(home, events)
    found: dict[str, Run | None] = {}
    for step in (*BEFORE, *names, "release"):
        found[step] = child(step, home)
        told = f"{found[step].wall_s:8.2f} s {found[step].peak_mb:7.0f} MB" if found[step] else "failed"  # type: ignore[union-attr]
        print(f"  {events:>10,} {step:16} {told}", flush=True)
    return found


def child(step: str, home: Path) -> Run | None:
    """The step in a process of its own."""
    environ = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [sys.executable, "-m", "benchmarks.algorithms", "--one", step, "--folder", str(home)]
    done = subprocess.run(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    return Run(*json.loads(done.stdout.splitlines()[-1])) if done.returncode == 0 else None


def measured(step: str, folder: Path) -> Run:
    """One step in this process."""
    begun = perf_counter()
    rows = done(step, folder)
    return Run(perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, rows)


def done(step: str, folder: Path) -> int:
    """Do it; the rows that it made."""
    from benchmarks import _data_steps as data  # noqa: PLC0415
    from recsys_pipelines import training  # noqa: PLC0415

    lake = data.lake_of(folder)
    match step:
        case "ingest" | "weigh":
            return int(max({"ingest": data.ingest, "weigh": data.weigh}[step](folder).values()))
        case "embeddings":
            from recsys_pipelines.embeddings.index import refresh  # noqa: PLC0415

            return refresh(data.document(), lake, data.LAST, folder=folder).embeddings.height
        case "release":
            document = of(data.document(), [part.part for part in lake.parts("models_served", "bench")])
            with TemporaryDirectory() as out:
                return sum(
                    each.rows for each in training.encoded(document, lake, data.LAST, "served", folder=Path(out))
                )
    document = of(data.document(), [step])
    table = training.configured(document)[step].fit(training.training_data(document, lake, data.LAST, "served"))
    lake.write("models_served", "bench", data.LAST, table, part=step)
    return table.height


def of(document, names):  # type: ignore[no-untyped-def]
    """The tenant with these algorithms at their defaults."""
    return msgspec.structs.replace(document, algorithms={name: {} for name in names})


def show(found: dict[int, dict[str, Run | None]]) -> None:
    """A line per step, and how it grows."""
    sizes = sorted(found)
    print(f"\n{'step':16}" + "".join(f"{f'{size:,} s':>14}{'MB':>8}" for size in sizes) + f"{'grows':>8}")
    for step in found[sizes[0]]:
        runs = [found[size][step] for size in sizes]
        line = "".join(f"{run.wall_s:14.2f}{run.peak_mb:8.0f}" if run else f"{'failed':>14}{'':8}" for run in runs)
        grows = f"{runs[-1].wall_s / runs[0].wall_s:8.1f}" if len(runs) > 1 and runs[0] and runs[-1] else ""
        print(f"{step:16}{line}{grows}")
    for size in sizes:
        counted = {step: run for step, run in found[size].items() if run and step not in BEFORE}
        peak = max(counted, key=lambda step: counted[step].peak_mb)
        total = sum(run.wall_s for run in counted.values())
        print(f"{size:,}: {total:.1f} s in all, highest peak {counted[peak].peak_mb:.0f} MB in {peak} (aim < {AIM_MB})")
    if len(sizes) > 1:
        both = [sum(run.wall_s for step, run in found[size].items() if run and step not in BEFORE) for size in sizes]
        print(f"all algorithms and the release grow {both[-1] / both[0]:.1f} times, aim <= {AIM_GROWTH}")


if __name__ == "__main__":
    sys.exit(main())
