"""Generated example files: write them again, or say which ones differ from what their generator makes."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

Writer = Callable[[Path], object]


def main(write: Writer, folder: Path, arguments: Sequence[str]) -> int:
    """The command line of a ``generate.py``: no argument writes into ``folder``, ``--check`` only compares.

    The exit code: 0, 1 when a file differs, 2 for any other argument.
    """
    if not arguments:
        write(folder)
        return 0
    if list(arguments) != ["--check"]:
        sys.stderr.write(f"unknown arguments {' '.join(arguments)!r}; use none, or --check\n")
        return 2
    different = differences(write, folder)
    for name in different:
        sys.stdout.write(f"{folder / name} is not what generate.py makes; run it again without --check\n")
    return 1 if different else 0


def differences(write: Writer, folder: Path) -> list[str]:
    """The names of generated files that ``folder`` has not, or has with other content."""
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        write(fresh)
        made = sorted(path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file())
        return [str(path) for path in made if not _same(fresh / path, folder / path)]


def _same(fresh: Path, kept: Path) -> bool:
    """Parquet is compared by its rows: the bytes around them name the version of the writer."""
    if not kept.is_file():
        return False
    if fresh.suffix == ".parquet":
        return pl.read_parquet(fresh).equals(pl.read_parquet(kept))
    return fresh.read_bytes() == kept.read_bytes()
