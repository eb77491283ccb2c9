"""Where things are kept: keys inside the store, folders under ``RECSYS_HOME``.

Publisher and reader agree on these and on nothing else about each other's disks.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import msgspec

from data_contracts.errors import InvalidName

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_PART_BYTES = 255  # a file name on the usual file systems
_MAX_KEY_BYTES = 900  # S3 allows 1024, of which the store's prefix takes some

POINTERS = "current/"


def segment(name: str, kind: str) -> str:
    """``name`` itself, if it can stand in a path on every store. Raises ``InvalidName`` that says what is allowed."""
    if not _SEGMENT.fullmatch(name) or ".." in name:
        raise InvalidName(
            f"{kind} {name!r} cannot be used in a key: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit"
        )
    return name


def checked_key(key: str) -> str:
    """``key`` itself, if it stays inside a directory and means the same on S3. Raises ``InvalidName``.

    No part of it begins with a dot: those names are the store's own (locks, unfinished writes).
    """
    if len(key.encode(errors="replace")) > _MAX_KEY_BYTES or not all(map(_stands, key.split("/"))):
        raise InvalidName(
            f"{key!r} cannot be a key: parts separated by /, each of 1 to 255 printable bytes, "
            f"none beginning with a dot or holding a backslash, {_MAX_KEY_BYTES} bytes in all"
        )
    return key


def checked_prefix(prefix: str) -> str:
    """``prefix`` itself, if it is empty or the beginning of a possible key. Raises ``InvalidName``."""
    checked_key(prefix + "x")
    return prefix


def _stands(part: str) -> bool:
    return (
        0 < len(part.encode(errors="replace")) <= _MAX_PART_BYTES
        and part[0] != "."
        and "\\" not in part
        and part.isprintable()
    )


def blob_key(tenant: str, sha256: str) -> str:
    """The key of an immutable blob, named by its content."""
    if not _SHA256.fullmatch(sha256):
        raise InvalidName(f"{sha256!r} is not a SHA-256 in lower-case hex")
    return f"blobs/{segment(tenant, 'tenant')}/sha256/{sha256[:2]}/{sha256}"


def blobs_prefix(tenant: str) -> str:
    """All blobs of one tenant."""
    return f"blobs/{segment(tenant, 'tenant')}/sha256/"


def manifest_key(tenant: str, surface: str, generation: int) -> str:
    """The key of one immutable manifest."""
    return f"{manifests_prefix(tenant, surface)}{generation:08d}.json"


def manifests_prefix(tenant: str, surface: str = "") -> str:
    """All manifests of a surface, or of a tenant when ``surface`` is empty."""
    prefix = f"manifests/{segment(tenant, 'tenant')}/"
    return f"{prefix}{segment(surface, 'surface')}/" if surface else prefix


def pointer_key(tenant: str, surface: str) -> str:
    """The only key whose value changes: which generation is served."""
    return f"{POINTERS}{segment(tenant, 'tenant')}/{segment(surface, 'surface')}.json"


def history_key(tenant: str, surface: str) -> str:
    """Who moved the pointer, when and why: JSON lines."""
    return f"history/{segment(tenant, 'tenant')}/{segment(surface, 'surface')}.jsonl"


def outbox_prefix(tenant: str) -> str:
    """All announcements of one tenant, delivered or not."""
    return f"outbox/{segment(tenant, 'tenant')}/"


def outbox_key(tenant: str, surface: str, generation: int) -> str:
    """The announcement that a generation went live: written once, delivered by whoever reads the outbox."""
    return f"{outbox_prefix(tenant)}RecommendationsRefreshed-{segment(surface, 'surface')}-{generation}.json"


def training_key(tenant: str, kind: Literal["Started", "Completed"], run_id: str) -> str:
    """The announcement that a run began or ended training."""
    return f"{outbox_prefix(tenant)}ModelTraining{kind}-{segment(run_id, 'run id')}.json"


def delivery_key(tenant: str, announcement: str) -> str:
    """What became of an announcement, by the last part of its key."""
    return f"delivered/{segment(tenant, 'tenant')}/{announcement}"


def request_key(tenant: str, request_id: str) -> str:
    """A request for training: written once, picked up by a sensor."""
    return f"{requests_prefix(tenant)}{segment(request_id, 'request id')}.json"


def requests_prefix(tenant: str) -> str:
    """All requests for training of one tenant."""
    return f"requests/{segment(tenant, 'tenant')}/"


def pointed(key: str) -> tuple[str, str]:
    """The tenant and surface of a pointer key. Raises ``InvalidName`` for any other key."""
    match key.removesuffix(".json").split("/"):
        case ["current", tenant, surface] if key.endswith(".json"):
            return segment(tenant, "tenant"), segment(surface, "surface")
    raise InvalidName(f"{key!r} is not a pointer key (current/TENANT/SURFACE.json)")


class Locations(msgspec.Struct, frozen=True, kw_only=True):
    """Where one installation keeps its state. ``lake``, ``landing`` and ``store`` may be ``s3://bucket/prefix``."""

    home: Path
    lake: str
    landing: str
    store: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """``RECSYS_HOME`` (default ``./.recsys``) holds everything that ``RECSYS_LAKE/_LANDING/_STORE`` do not move."""
        home = Path(environ.get("RECSYS_HOME") or ".recsys").absolute()
        return cls(
            home=home,
            lake=environ.get("RECSYS_LAKE") or str(home / "lake"),
            landing=environ.get("RECSYS_LANDING") or str(home / "landing"),
            store=environ.get("RECSYS_STORE") or str(home / "store"),
        )

    @property
    def dagster(self) -> Path:
        """Dagster's instance: ``dagster.yaml``, runs and events."""
        return self.home / "dagster"

    @property
    def mlflow(self) -> Path:
        """MLflow's database and artifacts."""
        return self.home / "mlflow"

    @property
    def reports(self) -> Path:
        """Reports for people, one folder per tenant and run."""
        return self.home / "reports"

    @property
    def cache(self) -> Path:
        """Blobs fetched from the store, named by content; may be deleted at any time."""
        return self.home / "cache"

    @property
    def tenants(self) -> Path:
        """Tenant documents of this installation, one folder per tenant."""
        return self.home / "tenants"
