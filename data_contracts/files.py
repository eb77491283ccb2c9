"""Files that appear whole or not at all, however the writer dies, and outlast a power cut once they have appeared."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

UNFINISHED = ".unfinished-"  # how the names of files begin that are still being written


@contextmanager
def unfinished(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file in ``folder``, to fill and to move away before the block ends; what still is there then is removed."""
    make_folder(folder)
    draft = folder / f"{UNFINISHED}{uuid.uuid4().hex}"
    try:
        with draft.open("xb") as file:
            yield draft, file
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def appearing(path: Path) -> Iterator[BinaryIO]:
    """A file to fill that stands under ``path`` once the block has ended well, in place of what stood there."""
    with unfinished(path.parent) as (draft, file):
        yield file
        settle(file)
        draft.replace(path)
        settle_folder(path.parent)


def settle(file: BinaryIO) -> None:
    """Wait until the bytes are on the disk."""
    file.flush()
    os.fsync(file.fileno())


def settle_folder(folder: Path) -> None:
    """Wait until the folder's list of names is on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def make_folder(folder: Path) -> None:
    """Make the folder and those above it, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    settle_folder(folder.parent)


def discard_unfinished(folder: Path, before: datetime) -> int:
    """Remove the files that writers which died before then left in ``folder``; how many."""
    stale = [path for path in folder.glob(f"{UNFINISHED}*") if _modified(path) < before]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def _modified(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:  # its writer has just finished
        return datetime.max.replace(tzinfo=UTC)
