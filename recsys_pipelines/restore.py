"""A store as it was at an earlier moment, copied into an empty place, and looked at as a server would look at it.

Nothing is changed where it is taken from. Tombstones are taken as they are now: who asked to be forgotten since then
stays unknown to servers of the restored store.
"""

import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec

from data_contracts.blobs import Blobs
from data_contracts.errors import InvalidStore
from data_contracts.s3_versions import S3Versions, Version
from recsys_algo.loading import LoadFailed, load, surfaces

AT_ONCE = 8  # copies on their way
TOMBSTONES = "tombstones/"


class RestoredSurface(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a server would answer from; ``fault`` says why it could not."""

    tenant: str
    surface: str
    generation: int | None = None
    fault: str = ""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was copied, how long that took, and what a server could load from it."""

    at: datetime
    source: str
    into: str
    keys: int
    bytes: int
    seconds: float
    surfaces: tuple[RestoredSurface, ...]

    @property
    def is_whole(self) -> bool:
        """Whether everything that was served then can be served again."""
        return not any(surface.fault for surface in self.surfaces)


def restore(
    versions: S3Versions, target: Blobs, at: datetime, *, source: str, keys: Mapping[str, bytes] | None = None
) -> Restored:
    """Copy every key as it was ``at`` that moment, then load each surface, with its hashes and signatures checked.

    With ``keys`` only signed manifests are accepted. Raises ``InvalidStore`` for a target that is not empty, or for
    a moment at which nothing was there.
    """
    began = time.monotonic()
    if list(islice(target.entries(""), 1)):
        raise InvalidStore(f"{target.url} is not empty; restore into a new place, and point servers at it")
    wanted = as_it_was(versions, at, versions.at(datetime.max.replace(tzinfo=at.tzinfo)))
    if not wanted:
        raise InvalidStore(f"{source} held nothing at {at.isoformat()}; its versions begin later, or were removed")
    with tempfile.TemporaryDirectory(prefix="restore-") as made, ThreadPoolExecutor(AT_ONCE) as pool:
        folder = Path(made)
        list(pool.map(lambda each: _copied(versions, target, each[1], folder / str(each[0])), enumerate(wanted)))
        found = tuple(_loaded(target, place, folder / "cache", keys) for place in surfaces(target))
    return Restored(
        at=at,
        source=source,
        into=target.url,
        keys=len(wanted),
        bytes=sum(version.bytes for version in wanted),
        seconds=round(time.monotonic() - began, 3),
        surfaces=found,
    )


def as_it_was(versions: S3Versions, at: datetime, now: list[Version]) -> list[Version]:
    """The versions of that moment; of tombstones those that are there ``now``."""
    then = [version for version in versions.at(at) if not version.key.startswith(TOMBSTONES)]
    return [*then, *(version for version in now if version.key.startswith(TOMBSTONES))]


def _copied(versions: S3Versions, target: Blobs, version: Version, path: Path) -> None:
    versions.download(version, path)
    target.create(version.key, path)
    path.unlink()


def _loaded(target: Blobs, place: tuple[str, str], cache: Path, keys: Mapping[str, bytes] | None) -> RestoredSurface:
    tenant, surface = place
    try:
        loaded = load(target, tenant, surface, cache, keys=keys)
    except LoadFailed as error:
        return RestoredSurface(tenant=tenant, surface=surface, fault=f"{error.reason}: {error}")
    assert loaded is not None  # no tag is known of it
    return RestoredSurface(tenant=tenant, surface=surface, generation=loaded.manifest.generation)
