"""`recsys restore`: a store as it was at an earlier moment, for a disaster and for the drill before it."""

import os
import sys
from datetime import UTC, datetime

import msgspec
from rich.console import Console


def restore(*, into: str, at: datetime | None = None, store: str | None = None, json: bool = False) -> int:
    """Copy what a versioned bucket held at a moment into an empty place, and load every surface from there.

    Nothing is changed where it is taken from, so this is also the drill: run it every month, and note how long it took.
    The exit code is 1 if anything that was served then could not be served from the copy.

    Parameters
    ----------
    into
        A new directory, or an empty `s3://bucket/prefix`. Servers use it with RECSYS_STORE.
    at
        The moment (ISO 8601; without an offset: UTC); default: now.
    store
        `s3://bucket/prefix`; default: RECSYS_STORE. A lake or a landing area can be restored too.
    json
        Print {at, source, into, keys, bytes, seconds, surfaces: [{tenant, surface, generation, fault}]}.
    """
    from data_contracts.errors import InvalidStore  # noqa: PLC0415
    from data_contracts.layout import Locations  # noqa: PLC0415
    from data_contracts.open import open_blobs  # noqa: PLC0415
    from data_contracts.s3 import S3Blobs  # noqa: PLC0415  (boto3: only when asked)
    from data_contracts.s3_versions import S3Versions  # noqa: PLC0415
    from data_contracts.signature import verify_keys  # noqa: PLC0415
    from recsys_pipelines.restore import restore as restored  # noqa: PLC0415

    source = open_blobs(store or Locations.from_environ(os.environ).store, os.environ)
    if not isinstance(source, S3Blobs):
        raise InvalidStore(f"{source.url} is a directory, which keeps no versions; restore it from your own snapshots")
    done = restored(
        S3Versions(source),
        open_blobs(into, os.environ),
        _in_utc(at or datetime.now(UTC)),
        source=source.url,
        keys=verify_keys(os.environ),
    )
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(done), indent=2).decode() + "\n")
        return 0 if done.is_whole else 1
    out = Console(soft_wrap=True)
    out.print(
        f"{done.keys:,} keys, {done.bytes:,} bytes as of {done.at.isoformat()} in {done.seconds:.1f} s: {done.into}"
    )
    for each in done.surfaces:
        said = f"generation {each.generation} loads" if not each.fault else f"cannot be served: {each.fault}"
        out.print(f"{each.tenant}/{each.surface}: {said}", markup=False)
    return 0 if done.is_whole else 1


def _in_utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
