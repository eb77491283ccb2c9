"""One door to every kind of blob store, by its URL."""

from collections.abc import Mapping
from pathlib import Path

from data_contracts.blobs import Blobs
from data_contracts.directory import DirectoryBlobs
from data_contracts.errors import InvalidStore


def open_blobs(url: str, environ: Mapping[str, str]) -> Blobs:
    """The store in a directory (a path), or at ``s3://bucket/prefix``. Nothing is asked or made yet.

    S3 reads ``RECSYS_S3_ENDPOINT``, ``RECSYS_S3_REGION``, ``RECSYS_S3_ALLOW_HTTP`` and boto3's own settings. Raises
    ``InvalidStore`` for a URL or settings that cannot work.
    """
    if url.startswith("s3://"):
        from data_contracts.s3 import connect  # noqa: PLC0415 - boto3 costs 0.3 s, and a directory needs none of it

        return connect(url, environ)
    if "://" in url or not url:
        raise InvalidStore("a store is a directory or s3://bucket/prefix")
    return DirectoryBlobs(Path(url))
