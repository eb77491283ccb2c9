"""One algorithm on one question, in a process of its own: ``python -m recsys_pipelines.backtest.job FOLDER QUESTION``.

A process of its own has a peak of memory of its own, and cannot leave threads or caches to the next one. It reads
``job.json`` from FOLDER and the tables from QUESTION, and leaves ``recs.parquet`` and ``measured.json`` in FOLDER.
"""

import logging
import resource
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from data_contracts.documents import EventWeights
from recsys_pipelines.algorithm import AlgorithmError
from recsys_pipelines.backtest.choosing import configured
from recsys_pipelines.backtest.errors import BacktestError
from recsys_pipelines.backtest.preparing import Weighing, kept
from recsys_pipelines.backtest.ranking import ranked
from recsys_pipelines.backtest.scoring import full_scores, uncut

FAILED = 3


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to run, for lists of which length.

    The algorithm is named by module and class: the others are not imported, so their libraries take no memory here.
    """

    label: str
    module: str
    algorithm: str
    settings: dict[str, Any]
    types: EventWeights
    half_life_days: float | None
    binary: bool
    depth: int
    seed: int


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What it took, and what the algorithm logged as a warning."""

    fit_s: float
    recommend_s: float
    peak_mb: float
    base_mb: float
    notes: tuple[str, ...] = ()


def main(arguments: list[str]) -> int:
    """Run the job in the folder; a mistake of the input is one line on standard error."""
    folder, question = map(Path, arguments)
    try:
        run(msgspec.json.decode((folder / "job.json").read_bytes(), type=Job), folder, question)
    except (BacktestError, AlgorithmError, ValueError, MemoryError) as error:
        sys.stderr.write(f"{error or type(error).__name__}\n")
        return FAILED
    return 0


def run(job: Job, folder: Path, place: Path) -> None:
    """Learn, rank, and leave both results in the folder."""
    question = kept(place)
    weighing = Weighing(types=job.types, half_life_days=job.half_life_days, binary=job.binary)
    data = question.training(weighing, job.seed)
    algorithm = configured(job.label, getattr(import_module(job.module), job.algorithm), job.settings)
    if question.allowed is not None:
        algorithm = uncut(algorithm, question.catalog.height)
    users = question.truth["user_id"].unique().sort()
    notes = _heard()
    base_mb, begin = peak_mb(), perf_counter()
    full = full_scores(algorithm, data, users)
    learned = perf_counter()
    recs = ranked(full, question.asked, job.depth)
    done = perf_counter()
    recs.write_parquet(folder / "recs.parquet")
    took = {"fit_s": learned - begin, "recommend_s": done - learned, "peak_mb": peak_mb(), "base_mb": base_mb}
    measured = Measured(**took, notes=tuple(dict.fromkeys(notes)))
    (folder / "measured.json").write_bytes(msgspec.json.encode(measured))


def _heard() -> list[str]:
    """What any logger warns of from now on, such as that another algorithm was fitted instead."""
    heard: list[str] = []
    listening = logging.Handler(logging.WARNING)
    listening.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]  # one line of it
    logging.getLogger().addHandler(listening)
    return heard


def peak_mb() -> float:
    """The most memory that this process ever held, in millions of bytes.

    Linux counts the parent's peak into ``ru_maxrss`` of a process that was forked from it, so what the kernel says of
    this very address space is taken where there is a /proc.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
