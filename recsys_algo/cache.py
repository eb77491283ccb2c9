"""Blobs on this machine's disk, under the same keys as in the store: fetched once, verified, mapped by every worker.

A file that was verified carries a fixed time of modification as its seal, set before it gets its name. Whatever writes
to it later breaks the seal; then it is hashed again, and fetched again if it is not what it should be. To trust size
and seal costs microseconds; to hash at every reload would cost a second per gigabyte, in every worker. What this does
not notice is a disk that returns wrong bytes on its own.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobCorrupt
from data_contracts.files import settle_folder, unfinished
from data_contracts.generations import download_whole, require_whole
from data_contracts.manifest import File, Manifest, files_of

SEAL_NS = 1_000_000_000 * 10**9  # 2001-09-09, long before any real write


def fetched(blobs: Blobs, file: File, cache: Path) -> Path:
    """Where the blob of ``file`` is on this disk, whole. Raises ``BlobMissing``, ``BlobCorrupt``."""
    path = cache / file.uri
    if not _whole(path, file):
        with unfinished(path.parent) as (draft, _):
            download_whole(blobs, file, draft)
            _seal(draft)
            draft.replace(path)
            settle_folder(path.parent)
    return path


def prune(cache: Path, needed: Iterable[Manifest], before: datetime) -> int:
    """Remove what none of these manifests needs and what was fetched before then; how many files.

    A worker that has such a file mapped keeps it; one that is loading it at that moment may have to try again.
    """
    keep = {cache / file.uri for manifest in needed for file in files_of(manifest)}
    stale = [path for path in _files(cache) if path not in keep and _fetched_at(path) < before]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def _whole(path: Path, file: File) -> bool:
    try:
        found = path.stat()
        if found.st_size == file.bytes and found.st_mtime_ns == SEAL_NS:
            return True
        require_whole(path, file)
        _seal(path)
    except (FileNotFoundError, BlobCorrupt):
        return False
    return True


def _seal(path: Path) -> None:
    os.utime(path, ns=(SEAL_NS, SEAL_NS))


def _files(cache: Path) -> list[Path]:
    """The blobs, and what killed workers left unfinished."""
    return list(cache.glob("blobs/*/sha256/*/*"))


def _fetched_at(path: Path) -> datetime:
    """When the file was sealed: the one time that nobody can set."""
    try:
        return datetime.fromtimestamp(path.stat().st_ctime, UTC)
    except FileNotFoundError:  # another worker was pruning, too
        return datetime.max.replace(tzinfo=UTC)
