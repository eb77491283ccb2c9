"""Segments of a log: one line, one ``write``, so that what was answered survives the death of the worker.

A worker appends to files of its own under a spool folder, holding a lock on each (``flock``, which a killed process
gives back). A segment that nobody holds is finished, whoever began it: it is copied to the landing area whole, under a
name that never changes, and then removed. So a crash at any point loses nothing and lands nothing twice.

Lines that cannot be written (a full disk) leave no half line behind, and the caller is told: what becomes of them is
the caller's decision. What a worker wrote of a line when it was killed was never answered for: it is cut off before the
segment is landed, so that every landed line is whole.
"""

import contextlib
import errno
import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobExists

Sync = Literal["never", "segment", "record"]
_STEP = 1 << 20  # how much of a segment's end is looked at at once


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """When a segment is finished, and what is forced to the disk: nothing, each finished segment, or each line."""

    largest_bytes: int
    longest_s: float
    sync: Sync = "never"


class SegmentLost(Exception):
    """A line could not be written; ``reason`` is a short name for metrics."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(slots=True)
class _Open:
    descriptor: int
    day: date
    began: float
    bytes: int = 0


class Segments:
    """The open segments of one worker, one per tenant. All but ``land`` belongs to one thread.

    ``kind`` is the folder of the landing area that they are brought to.
    """

    def __init__(
        self, spool: Path, rotation: Rotation, monotonic: Callable[[], float], *, kind: str = "exposures"
    ) -> None:
        self._spool = spool
        self._rotation = rotation
        self._monotonic = monotonic
        self._kind = kind
        self._open: dict[str, _Open] = {}

    def append(self, tenant: str, day: date, lines: bytes) -> None:
        """Hand one line, or several, to the kernel: all or none. Raises ``SegmentLost`` if they will not be there."""
        try:
            segment = self._segment(tenant, day)
            _write(segment, lines)
            if self._rotation.sync == "record":
                os.fsync(segment.descriptor)
        except OSError as error:
            raise SegmentLost(_reason(error), f"{self._spool}: {error}") from error

    def finish(self, *, everything: bool = False) -> None:
        """Close the segments that are old enough, or all."""
        now = self._monotonic()
        for tenant, segment in list(self._open.items()):
            if everything or now - segment.began >= self._rotation.longest_s:
                self._close(tenant)

    def land(self, landing: Blobs) -> int:
        """Bring every finished segment in the spool to the landing area; how many. Safe in another thread."""
        return sum(_landed(path, f"{self._kind}/{name}", landing) for path, name in _named(self._spool))

    def _segment(self, tenant: str, day: date) -> _Open:
        segment = self._open.get(tenant)
        if segment is not None and segment.day == day and segment.bytes < self._rotation.largest_bytes:
            return segment
        if segment is not None:
            self._close(tenant)
        self._open[tenant] = segment = _Open(_created(self._spool, tenant, day), day, self._monotonic())
        return segment

    def _close(self, tenant: str) -> None:
        segment = self._open.pop(tenant)
        try:
            if self._rotation.sync == "segment":
                os.fsync(segment.descriptor)
        finally:
            os.close(segment.descriptor)


def _created(spool: Path, tenant: str, day: date) -> int:
    """A new locked file. It gets its name after its lock, so that nobody takes it for a finished one."""
    folder = spool / f"tenant={tenant}" / f"date={day.isoformat()}"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{uuid.uuid4().hex}.jsonl"
    draft = folder / f".{name}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    draft.rename(folder / name)
    return descriptor


def _write(segment: _Open, lines: bytes) -> None:
    written = os.write(segment.descriptor, lines)
    if written < len(lines):
        os.ftruncate(segment.descriptor, segment.bytes)
        raise OSError(errno.ENOSPC, f"only {written} of {len(lines)} bytes were written")
    segment.bytes += written


def _named(spool: Path) -> Iterator[tuple[Path, str]]:
    """Every segment with the name under which it lands."""
    for path in sorted(spool.glob("tenant=*/date=*/[!.]*.jsonl")):
        yield path, path.relative_to(spool).as_posix()


def _landed(path: Path, key: str, landing: Blobs) -> bool:
    """Whether it was ours to land: nobody holds it, and nobody landed it while we waited to open it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_nlink > 0 and _moved(path, key, landing)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def _moved(path: Path, key: str, landing: Blobs) -> bool:
    if _whole_bytes(path):
        with contextlib.suppress(BlobExists):  # landed by a worker that died before it could remove it here
            landing.create(key, path)
    path.unlink()
    return True


def _whole_bytes(path: Path) -> int:
    """How long the segment is, without the line that its worker could not finish; that is cut off."""
    with path.open("r+b") as file:
        whole = size = file.seek(0, os.SEEK_END)
        while whole and (begin := max(0, whole - _STEP)) < whole:
            file.seek(begin)
            last = file.read(whole - begin).rfind(b"\n") + 1
            whole = begin + last
            if last:
                break
        if whole < size:
            file.truncate(whole)
    return whole


def _reason(error: OSError) -> str:
    return "disk_full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "write_failed"
