"""Every algorithm on every question, each in a process of its own, one after the other: nothing else is measured."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import polars as pl

from recsys_pipelines.algorithm import Algorithm
from recsys_pipelines.backtest.errors import FailedRun
from recsys_pipelines.backtest.job import Job, Measured
from recsys_pipelines.backtest.preparing import Question, Weighing, keep


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What all algorithms have in common: how events weigh, how long lists are, the seed."""

    weighing: Weighing = field(default_factory=Weighing)
    depth: int = 10
    seed: int = 0


@dataclass(frozen=True)
class Ran:
    """One algorithm's lists (user_id, item_id, rank, score) and what they took, one of each per question."""

    label: str
    recs: tuple[pl.DataFrame, ...]
    measured: tuple[Measured, ...]


def laid_out(questions: Sequence[Question], folder: Path) -> list[Path]:
    """The questions as folders of tables."""
    places = [folder / f"question{number}" for number in range(len(questions))]
    for question, place in zip(questions, places, strict=True):
        place.mkdir()
        keep(question, place)
    return places


def run_all(
    algorithms: Mapping[str, Algorithm], places: Sequence[Path], terms: Terms, folder: Path
) -> Iterator[tuple[str, Ran | None]]:
    """Per algorithm its label with None when it begins, and with what it did when it is done. Raises ``FailedRun``."""
    for label, algorithm in algorithms.items():
        yield label, None
        answers = [run(label, algorithm, place, terms, folder=folder) for place in places]
        recs, measured = zip(*answers, strict=True)
        yield label, Ran(label, recs, measured)


def run(label: str, algorithm: Algorithm, place: Path, terms: Terms, *, folder: Path) -> tuple[pl.DataFrame, Measured]:
    """Lists and costs of one algorithm on one question."""
    own = folder / "running"
    own.mkdir(exist_ok=True)
    job = Job(
        label=label,
        module=type(algorithm).__module__,
        algorithm=type(algorithm).__qualname__,
        settings=msgspec.to_builtins(algorithm),
        types=terms.weighing.types,
        half_life_days=terms.weighing.half_life_days,
        binary=terms.weighing.binary,
        depth=terms.depth,
        seed=terms.seed,
    )
    (own / "job.json").write_bytes(msgspec.json.encode(job))
    command = [sys.executable, "-m", "recsys_pipelines.backtest.job", str(own), str(place)]
    done = subprocess.run(command, env=_environ(), capture_output=True, text=True, check=False)
    if done.returncode:
        why = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}, perhaps for lack of memory"]
        raise FailedRun(f"{label} could not be run: {why[-1]}")
    measured = msgspec.json.decode((own / "measured.json").read_bytes(), type=Measured)
    return pl.read_parquet(own / "recs.parquet"), measured


def _environ() -> dict[str, str]:
    """This process' environment, with all of its import path: a library may be importable for other reasons."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
