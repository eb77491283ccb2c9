"""The blob store on S3 or anything that speaks its protocol with conditional writes.

A tag is the ETag. ``create`` and ``replace`` are conditional requests, so that the service decides who came first. A
value is written in one request, so that nothing is ever half there. Error messages name bucket and key, and nothing of
what the service said about credentials. These need ``s3:GetObject``, ``PutObject``, ``DeleteObject`` and ``ListBucket``
(without the last one, a missing key answers "forbidden").
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from data_contracts.blobs import Entry, Tagged
from data_contracts.errors import (
    BlobChanged,
    BlobError,
    BlobExists,
    BlobMissing,
    InvalidStore,
    StoreUnavailable,
)
from data_contracts.files import appearing
from data_contracts.layout import checked_key, checked_prefix
from data_contracts.s3_address import parts_of, require_safe, shown

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

CHUNK_BYTES = 1 << 20
MAX_BYTES = 5 << 30  # what S3 takes in one request
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
MISSING = {"404", "NoSuchKey", "NotFound"}
CONFLICT = {"409", "412", "PreconditionFailed", "ConditionalRequestConflict"}
UNCHANGED = {"304", "NotModified"}


def connect(url: str, environ: Mapping[str, str]) -> "S3Blobs":
    """The store at ``s3://bucket/prefix``; only https, but for loopback or with ``RECSYS_S3_ALLOW_HTTP=1``.

    ``RECSYS_S3_ENDPOINT`` and ``RECSYS_S3_REGION`` name another service than AWS; credentials are found as boto3 does.
    Raises ``InvalidStore``.
    """
    bucket, prefix = parts_of(url)
    endpoint = environ.get("RECSYS_S3_ENDPOINT") or None
    region = environ.get("RECSYS_S3_REGION") or environ.get("AWS_REGION") or ("us-east-1" if endpoint else None)
    try:
        client = _session(environ).client(
            "s3", endpoint_url=endpoint, region_name=region, config=_config(environ, endpoint)
        )
    except (BotoCoreError, ValueError) as error:
        raise InvalidStore(f"{shown(bucket, prefix)}: no client can be made: {type(error).__name__}") from error
    require_safe(client.meta.endpoint_url, environ.get("RECSYS_S3_ALLOW_HTTP") == "1")
    return S3Blobs(client, bucket, prefix)


class S3Blobs:
    """One bucket, or the part of it under ``prefix`` (without slashes at its ends), listed in pages."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str = "", page_entries: int = 1000) -> None:
        self._client = client
        self._page_entries = page_entries
        self._bucket = bucket
        self._base = f"{prefix}/" if prefix else ""

    @property
    def url(self) -> str:
        return shown(self._bucket, self._base.rstrip("/"))

    def read(self, key: str) -> bytes:
        with self._asking(key):
            return self._client.get_object(**self._at(key))["Body"].read()

    def read_tagged(self, key: str, known: str | None = None) -> Tagged | None:
        condition: Any = {} if known is None else {"IfNoneMatch": known}
        try:
            with self._asking(key):
                found = self._client.get_object(**self._at(key), **condition)
                return Tagged(found["Body"].read(), found["ETag"])
        except _Unchanged:
            return None

    def size(self, key: str) -> int | None:
        try:
            with self._asking(key):
                return self._client.head_object(**self._at(key))["ContentLength"]
        except BlobMissing:
            return None

    def download(self, key: str, path: Path) -> None:
        with self._asking(key), appearing(path) as file:
            for chunk in self._client.get_object(**self._at(key))["Body"].iter_chunks(CHUNK_BYTES):
                file.write(chunk)

    def create(self, key: str, body: bytes | Path) -> None:
        try:
            self._put(key, body, IfNoneMatch="*")
        except _Refused as error:
            raise BlobExists(f"{self._where(key)} exists, and is written only once") from error

    def replace(self, key: str, body: bytes, tag: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            return self._put(key, body, **condition)
        except (_Refused, BlobMissing) as error:
            if written := self._tag_after_retry(key, body, error):
                return written
            raise BlobChanged(f"{self._where(key)} was changed by somebody else since it was read") from error

    def entries(self, prefix: str) -> Iterator[Entry]:
        pages = self._client.get_paginator("list_objects_v2")
        with self._asking(prefix):
            for page in pages.paginate(
                Bucket=self._bucket,
                Prefix=self._base + checked_prefix(prefix),
                PaginationConfig={"PageSize": self._page_entries},
            ):
                for found in page.get("Contents", []):
                    key = found["Key"].removeprefix(self._base)
                    yield Entry(key, found["Size"], found["LastModified"], found["ETag"])

    def delete(self, key: str) -> None:
        with self._asking(key):
            self._client.delete_object(**self._at(key))

    def discard_leftovers(self, before: datetime) -> int:
        """Always 0: a request that was cut off leaves nothing."""
        return 0

    def _put(self, key: str, body: bytes | Path, **condition: str) -> str:
        if isinstance(body, bytes):
            with self._asking(key):
                return self._client.put_object(**self._at(key), Body=body, **_any(condition))["ETag"]
        if (size := body.stat().st_size) > MAX_BYTES:
            raise BlobError(f"{self._where(key)}: {size} bytes are more than the {MAX_BYTES} of one request")
        with body.open("rb") as file, self._asking(key):
            return self._client.put_object(**self._at(key), Body=file, **_any(condition))["ETag"]

    def _tag_after_retry(self, key: str, body: bytes, error: BaseException) -> str | None:
        """The tag, if our write is there: its answer was lost, and the client's own second attempt was refused."""
        cause = error.__cause__
        if not isinstance(cause, ClientError) or not cause.response.get("ResponseMetadata", {}).get("RetryAttempts"):
            return None
        found = self.read_tagged(key)
        return found.tag if found is not None and found.body == body else None

    def _at(self, key: str) -> Any:
        return {"Bucket": self._bucket, "Key": self._base + checked_key(key)}

    @contextmanager
    def _asking(self, key: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise self._meaning(key, error) from error
        except BotoCoreError as error:
            raise StoreUnavailable(f"{self._where(key)}: {type(error).__name__}") from error

    def _meaning(self, key: str, error: ClientError) -> BlobError:
        code = error.response.get("Error", {}).get("Code", "no code")
        if code in MISSING:
            return BlobMissing(f"nothing is stored under {self._where(key)}")
        if code in CONFLICT:
            return _Refused(f"{self._where(key)}: {code}")
        if code in UNCHANGED:
            return _Unchanged(key)
        return StoreUnavailable(f"{self._where(key)}: the service answered {code}")

    def _where(self, key: str) -> str:
        return f"{key!r} in {self.url}"


class _Refused(BlobError):
    """The condition of a write did not hold."""


class _Unchanged(BlobError):
    """The value still has the known tag."""


def _any(condition: Mapping[str, str]) -> Any:
    return condition


def _session(environ: Mapping[str, str]) -> Session:
    if not environ.get("AWS_ACCESS_KEY_ID") or not environ.get("AWS_SECRET_ACCESS_KEY"):
        return Session()
    return Session(
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environ.get("AWS_SESSION_TOKEN") or None,
    )


def _config(environ: Mapping[str, str], endpoint: str | None) -> Config:
    """Other services often know neither buckets as host names nor AWS's newer checksums; hashes are ours anyway."""
    shared: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "retries": {"mode": "standard", "total_max_attempts": int(environ.get("AWS_MAX_ATTEMPTS") or 4)},
    }
    if endpoint is None:
        return Config(**shared)
    return Config(
        **shared,
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
