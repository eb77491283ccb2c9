"""Makes the files of this folder: a small video service that writes camelCase events (README.md)."""

import sys
from pathlib import Path

from recsys_pipelines.synthetic_files import main
from recsys_pipelines.synthetic_video import video, write_video

FOLDER = Path(__file__).parent


def write_files(folder: Path) -> None:
    """The catalog as CSV, and one file of JSON lines per kind of event."""
    write_video(folder, video(seed=7))


if __name__ == "__main__":
    sys.exit(main(write_files, FOLDER, sys.argv[1:]))
