"""What a bucket with object versioning held at an earlier moment: every key as it was, also what was deleted since.

These need ``s3:ListBucketVersions``, ``GetObjectVersion`` and ``GetBucketVersioning``, besides what a store needs.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from data_contracts.errors import InvalidStore
from data_contracts.files import appearing
from data_contracts.s3 import CHUNK_BYTES, S3Blobs


class Version(NamedTuple):
    """One state of a key; ``id`` is empty where the key was deleted then; ``latest``: it is so now."""

    key: str
    id: str
    bytes: int
    modified: datetime
    latest: bool


class S3Versions:
    """The versions of what is in a store on S3. Raises ``InvalidStore`` where the bucket never kept any."""

    def __init__(self, blobs: S3Blobs) -> None:
        self._blobs = blobs
        with blobs._asking(""):
            status = blobs._client.get_bucket_versioning(Bucket=blobs._bucket).get("Status")
        if status is None:
            raise InvalidStore(f"{blobs.url}: the bucket keeps no versions; switch versioning on, before it is needed")

    def at(self, moment: datetime) -> list[Version]:
        """Every key that was there at that moment, with its value then, by key.

        The service's clock counts, by the second. Of several versions of one second the newest is meant; a deletion in
        that same second counts if it is the last word on the key. Memory grows with the versions, which are all listed.
        """
        newest: dict[str, Version] = {}
        for version in self._all():
            if version.modified <= moment and _is_newer(version, newest.get(version.key)):
                newest[version.key] = version
        return [newest[key] for key in sorted(newest) if newest[key].id]

    def download(self, version: Version, path: Path) -> None:
        """Write that value to ``path``, which appears whole or not at all."""
        blobs = self._blobs
        with blobs._asking(version.key), appearing(path) as file:
            found = blobs._client.get_object(**blobs._at(version.key), VersionId=version.id)
            for chunk in found["Body"].iter_chunks(CHUNK_BYTES):
                file.write(chunk)

    def _all(self) -> Iterator[Version]:
        """All versions, and deletions, of each key the newest first, as the service lists them."""
        blobs = self._blobs
        pages = blobs._client.get_paginator("list_object_versions")
        with blobs._asking(""):
            for page in pages.paginate(Bucket=blobs._bucket, Prefix=blobs._base):
                for found in page.get("Versions", []):
                    key = found["Key"].removeprefix(blobs._base)
                    yield Version(key, found["VersionId"], found["Size"], found["LastModified"], found["IsLatest"])
                for gone in page.get("DeleteMarkers", []):
                    key = gone["Key"].removeprefix(blobs._base)
                    yield Version(key, "", 0, gone["LastModified"], gone["IsLatest"])


def _is_newer(version: Version, known: Version | None) -> bool:
    return known is None or (version.modified, version.latest) > (known.modified, known.latest)
