"""A stored value as a file on this disk: where it lies if the store is a directory, else a copy, streamed."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobMissing, StoreUnavailable
from recsys_pipelines.sources.source import Unreachable


@contextmanager
def fetched(blobs: Blobs, key: str) -> Iterator[Path]:
    """The file, for as long as the block runs. Raises ``BlobMissing``, ``Unreachable``.

    Memory does not grow with the value; the copy needs as much disk as the value has bytes, where temporary files are.
    """
    if "://" not in blobs.url:
        path = Path(blobs.url) / key
        if not path.is_file():
            raise BlobMissing(f"nothing is stored under {key} in {blobs.url}")
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / key.rpartition("/")[2]
        with reaching():
            blobs.download(key, copy)
        yield copy


@contextmanager
def reaching() -> Iterator[None]:
    """A store that does not answer is a source that cannot be reached: that its files are gone is not known."""
    try:
        yield
    except StoreUnavailable as error:
        raise Unreachable(str(error)) from error
