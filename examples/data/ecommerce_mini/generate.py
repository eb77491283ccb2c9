"""Makes the files of this folder: a small shop with planted structure (README.md says which)."""

import sys
from pathlib import Path

from recsys_pipelines.synthetic import shop, write
from recsys_pipelines.synthetic_files import main

FOLDER = Path(__file__).parent


def write_files(folder: Path) -> None:
    """Items, users and events as CSV, and the events once more as Parquet."""
    items, users, events = shop(seed=7)
    write(items, folder / "items.csv")
    write(users, folder / "users.csv")
    write(events, folder / "events.csv")
    write(events, folder / "events.parquet")


if __name__ == "__main__":
    sys.exit(main(write_files, FOLDER, sys.argv[1:]))
