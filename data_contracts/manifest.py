"""The manifest: what one surface of a tenant serves, and everything needed to verify, explain and undo it.

Manifests are immutable and numbered; a small pointer says which generation is current. ``engine_api`` is the range of
ranking-core versions that can read the artifacts; a server outside it keeps what it has.
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from data_contracts.errors import InvalidDocument
from data_contracts.records import Timestamp
from data_contracts.tables import Shape

MANIFEST_SCHEMA = "recsys.manifest/2"
POINTER_SCHEMA = "recsys.pointer/1"
ENGINE_API = 1  # what this code can read; raised when an artifact's arrays change meaning

T = TypeVar("T", bound=msgspec.Struct)
Decision = Literal["promoted", "rejected", "suspicious", "ungated"]
PUBLISHABLE: tuple[Decision, ...] = ("promoted", "ungated")  # what may be served
Sha256 = Annotated[str, msgspec.Meta(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$")]
Generation = Annotated[int, msgspec.Meta(ge=1)]


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The days of events that were read: from ``start`` to before ``end``, UTC."""

    start: Timestamp
    end: Timestamp


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One plain array (``.npy``) of an artifact, or one JSON document."""

    name: str
    uri: str
    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=0)]


class Artifact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One published table, described by its shape. ``catalog`` is the item table that all indices refer to."""

    name: str
    kind: str
    shape: Shape | Literal["catalog", "ranker", "segments", "penalties"]
    rows: Annotated[int, msgspec.Meta(ge=0)]
    files: tuple[File, ...]
    kind_version: int = 1
    segment: str = "default"

    @property
    def bytes(self) -> int:
        """The size of all its files."""
        return sum(file.bytes for file in self.files)


class Lineage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From which data, code, configuration and runs the artifacts came."""

    data_fingerprint: str
    config_hash: str
    git_sha: str = ""
    dagster_run_id: str = ""
    mlflow_run_id: str = ""
    model_name: str = ""
    model_version: str = ""


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The gate's decision, and the fit that was evaluated: the same settings without the test days."""

    decision: Decision
    reason: str = ""
    metrics: dict[str, float] = {}
    baseline_generation: int | None = None
    artifacts: tuple[Artifact, ...] = ()


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Ed25519 over the manifest's canonical bytes without this field; ``value`` is base64."""

    alg: Literal["ed25519"] = "ed25519"
    key_id: str
    value: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One generation of one surface."""

    schema: Literal["recsys.manifest/2"]
    tenant: str
    surface: str
    generation: Generation
    parent: int | None
    created_at: Timestamp
    engine_api: Annotated[str, msgspec.Meta(pattern=r"^>=\d+,<\d+$")]
    window: Window
    config: File
    artifacts: tuple[Artifact, ...]
    lineage: Lineage
    evaluation: Evaluation
    signature: Signature | None = None


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A second generation that a share of the users gets."""

    generation: Generation
    percent: Annotated[float, msgspec.Meta(gt=0, le=100)]
    salt: str


class Pointer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which generation a surface serves, the hash of its manifest, and who said so."""

    schema: Literal["recsys.pointer/1"] = "recsys.pointer/1"
    generation: Generation
    sha256: Sha256
    updated_at: Timestamp
    updated_by: str
    reason: str
    canary: Canary | None = None


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of a surface's history."""

    at: Timestamp
    by: str
    action: Literal["publish", "rollback"]
    from_generation: int | None
    to_generation: Generation
    reason: str


class Refreshed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The event ``RecommendationsRefreshed``: a generation went live. It waits in the outbox to be delivered."""

    schema: Literal["recsys.refreshed/1"] = "recsys.refreshed/1"
    tenant: str
    surface: str
    generation: Generation
    sha256: Sha256
    at: Timestamp
    by: str
    reason: str


def canonical(record: msgspec.Struct) -> bytes:
    """The one byte string of a record: sorted keys, UTF-8, no spaces; what hashes and signatures are taken of."""
    return msgspec.json.encode(msgspec.to_builtins(record), order="sorted")


def decode(body: bytes, kind: type[T], origin: str) -> T:
    """A strict record from JSON. Raises ``InvalidDocument`` that names ``origin`` and the place of the error."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidDocument(f"{origin} is not a valid {kind.__name__.lower()}: {error}") from error


def supports(engine_api: str, version: int = ENGINE_API) -> bool:
    """Whether a ranking core of that version can read artifacts written for ``engine_api`` (``>=1,<2``)."""
    low, high = (int(part.lstrip(">=<")) for part in engine_api.split(","))
    return low <= version < high


def files_of(manifest: Manifest) -> tuple[File, ...]:
    """Every blob that the manifest needs to stay alive: served, evaluated and configuration."""
    artifacts = (*manifest.artifacts, *manifest.evaluation.artifacts)
    return (manifest.config, *(file for artifact in artifacts for file in artifact.files))


def content(manifest: Manifest) -> dict[str, Any]:
    """What makes two generations the same: artifacts, configuration, window and data, but no run, clock or decision."""
    return {
        "artifacts": [(a.name, a.shape, a.segment, [(f.name, f.sha256) for f in a.files]) for a in manifest.artifacts],
        "config": manifest.config.sha256,
        "engine_api": manifest.engine_api,
        "window": (manifest.window.start, manifest.window.end),
    }
