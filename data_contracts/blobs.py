"""The blob store: bytes under keys, on a directory or on S3, with two guarantees that publishing stands on.

``create`` never overwrites, and ``replace`` succeeds only for the one writer who saw the newest value. A reader sees
a value whole or not at all, whenever a writer dies.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol


class Tagged(NamedTuple):
    """A value and the tag that ``replace`` asks for."""

    body: bytes
    tag: str


class Entry(NamedTuple):
    """One stored key; ``modified`` is the store's clock, UTC; ``tag`` is empty where listing does not tell it."""

    key: str
    bytes: int
    modified: datetime
    tag: str = ""


class Blobs(Protocol):
    """One suite of tests runs over every implementation.

    Any method raises ``StoreUnavailable`` when the store does not answer, and ``InvalidName`` for a key that would
    leave the store (``..``, absolute, control characters).
    """

    @property
    def url(self) -> str:
        """Where it is: a path or ``s3://bucket/prefix``; without credentials."""

    def read(self, key: str) -> bytes:
        """The whole value. Raises ``BlobMissing``."""

    def read_tagged(self, key: str, known: str | None = None) -> Tagged | None:
        """The value with its tag, or None if the tag still is ``known``. Raises ``BlobMissing``."""

    def size(self, key: str) -> int | None:
        """Bytes stored under the key, or None if there is nothing."""

    def download(self, key: str, path: Path) -> None:
        """Write the value to ``path``, streaming; ``path`` appears whole or not at all. Raises ``BlobMissing``."""

    def create(self, key: str, body: bytes | Path) -> None:
        """Write once; ``body`` may be a file to stream. Raises ``BlobExists`` if anything is under the key."""

    def replace(self, key: str, body: bytes, tag: str | None) -> str:
        """Compare and swap: write if the tag still is ``tag`` (None: nothing there); the new tag. ``BlobChanged``."""

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Everything under a prefix, in key order."""

    def delete(self, key: str) -> None:
        """Remove it; removing what is not there is no error."""

    def discard_leftovers(self, before: datetime) -> int:
        """Remove what writers that died before then left unfinished; how many. Keys are never touched."""
