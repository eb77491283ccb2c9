"""The blob store on a directory: links and renames for ``create``, a lock per key for ``replace``.

A tag is the SHA-256 of the value. Locks and unfinished files live in ``.store`` inside the directory; names that begin
with a dot are no keys. Locks are the operating system's, so that those of a killed process are free at once; they hold
among the processes of one machine, and on a network file system only where ``flock`` does.
"""

import errno
import fcntl
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from data_contracts.blobs import Entry, Tagged
from data_contracts.errors import BlobChanged, BlobExists, BlobMissing, StoreUnavailable
from data_contracts.files import appearing, discard_unfinished, make_folder, settle, settle_folder, unfinished
from data_contracts.layout import checked_key, checked_prefix

CHUNK_BYTES = 1 << 20
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


class DirectoryBlobs:
    """``link`` makes a second name for a file and fails if that name is taken; file systems without it are fine too."""

    def __init__(self, root: Path, link: Callable[[Path, Path], None] = os.link) -> None:
        self._root = root.absolute()
        self._link = link

    @property
    def url(self) -> str:
        return str(self._root)

    def read(self, key: str) -> bytes:
        with self._reading(key) as path:
            return path.read_bytes()

    def read_tagged(self, key: str, known: str | None = None) -> Tagged | None:
        body = self.read(key)
        tag = _tag(body)
        return None if tag == known else Tagged(body, tag)

    def size(self, key: str) -> int | None:
        try:
            with self._reading(key) as path:
                found = path.stat()
        except BlobMissing:
            return None
        return found.st_size if S_ISREG(found.st_mode) else None

    def download(self, key: str, path: Path) -> None:
        with self._reading(key) as source:
            stored = source.open("rb")
        with stored, appearing(path) as file:
            shutil.copyfileobj(stored, file, CHUNK_BYTES)

    def create(self, key: str, body: bytes | Path) -> None:
        with _opened(body) as source, self._writing(key) as (target, draft, file):
            _fill(file, source)
            with self._locked(key):
                self._claim(draft, target, key)

    def replace(self, key: str, body: bytes, tag: str | None) -> str:
        with self._writing(key) as (target, draft, file), self._locked(key):
            if self._current_tag(key) != tag:
                raise BlobChanged(f"{self._where(key)} was changed by somebody else since it was read")
            _fill(file, io.BytesIO(body))
            draft.replace(target)
        return _tag(body)

    def entries(self, prefix: str) -> Iterator[Entry]:
        folder = checked_prefix(prefix).rpartition("/")[0]
        self._require_folder()
        try:
            yield from _entries(self._root / folder, f"{folder}/" if folder else "", prefix)
        except OSError as error:
            raise self._unavailable(prefix, error) from error

    def delete(self, key: str) -> None:
        if self.size(key) is None:
            return
        with self._reading(key) as path, self._locked(key):
            path.unlink(missing_ok=True)

    def discard_leftovers(self, before: datetime) -> int:
        return discard_unfinished(self._drafts, before)

    def _claim(self, draft: Path, target: Path, key: str) -> None:
        """Give the finished file its name; the lock makes two steps safe where there are no links."""
        try:
            self._link(draft, target)
        except FileExistsError as error:
            raise BlobExists(f"{self._where(key)} exists, and is written only once") from error
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            if target.exists():
                raise BlobExists(f"{self._where(key)} exists, and is written only once") from error
            draft.replace(target)

    def _current_tag(self, key: str) -> str | None:
        try:
            return _tag(self.read(key))
        except BlobMissing:
            return None

    @contextmanager
    def _reading(self, key: str) -> Iterator[Path]:
        path = self._root / checked_key(key)
        try:
            yield path
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            self._require_folder()
            raise BlobMissing(f"nothing is stored under {self._where(key)}") from error
        except OSError as error:
            raise self._unavailable(key, error) from error

    @contextmanager
    def _writing(self, key: str) -> Iterator[tuple[Path, Path, BinaryIO]]:
        """Where the value will stand, and a draft to fill; what ends well is durable."""
        target = self._root / checked_key(key)
        try:
            make_folder(target.parent)
            with unfinished(self._drafts) as (draft, file):
                yield target, draft, file
            settle_folder(target.parent)
        except OSError as error:
            raise self._unavailable(key, error) from error

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """One of 256 locks, so that their files do not pile up."""
        locks = self._root / ".store" / "locks"
        make_folder(locks)
        with (locks / _tag(key.encode())[:2]).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _require_folder(self) -> None:
        """A store that nobody has written to need not exist, but a file in its place is a mistake."""
        if self._root.exists() and not self._root.is_dir():
            raise StoreUnavailable(f"the store {self.url} is not a directory")

    @property
    def _drafts(self) -> Path:
        return self._root / ".store" / "drafts"

    def _where(self, key: str) -> str:
        return f"{key} in {self.url}"

    def _unavailable(self, key: str, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(f"{self._where(key)}: {error.strerror or error}")


def _tag(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _opened(body: bytes | Path) -> BinaryIO:
    return io.BytesIO(body) if isinstance(body, bytes) else body.open("rb")


def _fill(file: BinaryIO, source: BinaryIO) -> None:
    shutil.copyfileobj(source, file, CHUNK_BYTES)
    settle(file)


def _entries(folder: Path, base: str, prefix: str) -> Iterator[Entry]:
    """In the order of whole keys, as S3 has it: a folder sorts by its name with the slash."""
    for name, found in sorted(_names(folder)):
        key = base + name
        if name.startswith(".") or not key.startswith(prefix[: len(key)]):
            continue
        if name.endswith("/"):
            yield from _entries(Path(found), key, prefix)
        elif (entry := _entry(key, Path(found))) is not None and key.startswith(prefix):
            yield entry


def _names(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        with os.scandir(folder) as found:
            yield from ((entry.name + "/" * entry.is_dir(), entry.path) for entry in found)
    except (FileNotFoundError, NotADirectoryError):
        return


def _entry(key: str, path: Path) -> Entry | None:
    try:
        found = path.stat()
    except FileNotFoundError:  # deleted since the folder was read
        return None
    return Entry(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
