"""MLflow, the ledger: which settings gave which metrics, and which version is served. Nothing reads it in order to run.

There is one registered model per tenant and surface, ``recsys-{tenant}-{surface}``. A version points at its run, where
the manifest is kept once it is published; the arrays stay in the store. The alias ``candidate`` is the version tracked
last, ``champion`` the one that is served, ``previous`` the one that was before. This is the only module that names
mlflow, inside functions, because importing it takes 5 seconds and 200 MB.
"""

import fcntl
import hashlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from data_contracts.layout import segment
from data_contracts.manifest import Manifest, canonical
from recsys_pipelines.algorithm import Algorithm

KEY = "recsys.key"
MANIFEST = "manifest"  # the folder of a run that its model version points at
PARAMS_PER_BATCH = 100  # what MLflow takes at once
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is for the answers of commands
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # the default of 7 takes 4 minutes
}


class TrackingFailed(Exception):
    """MLflow did not answer, or refused."""


@dataclass(frozen=True)
class Ledger:
    """Where MLflow is: a database or a server. ``artifacts`` is for a database only; a server has its own place."""

    uri: str
    artifacts: str | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], folder: Path) -> Self:
        """``RECSYS_MLFLOW`` and ``RECSYS_MLFLOW_ARTIFACTS``; by default a SQLite file and a folder in ``folder``."""
        uri = environ.get("RECSYS_MLFLOW")
        if uri:
            return cls(uri, environ.get("RECSYS_MLFLOW_ARTIFACTS") or None)
        return cls(f"sqlite:///{folder.absolute() / 'mlflow.db'}", (folder.absolute() / "artifacts").as_uri())


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """What one candidate for a surface is and what it is worth. The same ``key`` is the same run and version."""

    tenant: str
    surface: str
    key: str  # the candidate's fingerprint
    at: datetime
    params: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    reports: tuple[Path, ...] = ()  # files, or folders of files

    @property
    def digest(self) -> str:
        """The key as MLflow keeps it, in characters that need no quoting."""
        return hashlib.sha256(f"{self.tenant}/{self.surface}/{self.key}".encode()).hexdigest()


class Tracked(NamedTuple):
    """Where a run is found again; these three go into the manifest's lineage."""

    run_id: str
    model_name: str
    version: str


class Followed(NamedTuple):
    """Whether the aliases are where the pointer is; if not, why. The pointer stays where it is in any case."""

    moved: bool
    note: str


def model_name(tenant: str, surface: str) -> str:
    """The registered model of a tenant's surface."""
    return f"recsys-{segment(tenant, 'tenant')}-{segment(surface, 'surface')}"


def params_of(algorithms: Mapping[str, Algorithm]) -> dict[str, object]:
    """All settings of all algorithms, as ``artifact.setting``, and the algorithm of each artifact."""
    named = {artifact: {"algorithm": each.name, **msgspec.to_builtins(each)} for artifact, each in algorithms.items()}
    return {f"{artifact}.{name}": value for artifact, settings in named.items() for name, value in settings.items()}


def track(run: TrackedRun, ledger: Ledger) -> Tracked:
    """Record a candidate as a run with a model version, and point the alias ``candidate`` at it.

    Repeating it finds the run by its key; one that was interrupted is completed. Raises ``TrackingFailed``.
    """
    name = model_name(run.tenant, run.surface)
    with _client(ledger) as client:
        found = _run(client, run, _experiment(client, run.tenant, ledger))
        if found.info.status != "FINISHED":
            _record(client, run, found.info.run_id)
        version = _version(client, name, found.info)
        client.set_registered_model_alias(name, "candidate", version)
    return Tracked(found.info.run_id, name, version)


def track_trial(run: TrackedRun, ledger: Ledger) -> str:
    """Record a run that is no candidate, such as a trial of a tuning; its id. Repeating it finds the run by its key."""
    with _client(ledger) as client:
        found = _run(client, run, _experiment(client, run.tenant, ledger))
        if found.info.status != "FINISHED":
            _record(client, run, found.info.run_id)
    return str(found.info.run_id)


def move_aliases(manifest: Manifest, ledger: Ledger) -> Followed:
    """Follow the pointer, after a publication or a rollback: this manifest's version becomes ``champion``.

    The manifest joins its run's artifacts. Never raises for trouble with MLflow: what is served does not depend on it.
    """
    lineage = manifest.lineage
    if not lineage.model_version:
        return Followed(False, f"generation {manifest.generation} was published without a model version")
    try:
        with _client(ledger) as client:
            _attach(client, manifest)
            _crown(client, lineage.model_name, lineage.model_version)
    except TrackingFailed as trouble:
        return Followed(False, f"generation {manifest.generation} is served, but the aliases did not move: {trouble}")
    return Followed(True, f"{lineage.model_name} version {lineage.model_version} is champion")


def aliases(tenant: str, surface: str, ledger: Ledger) -> dict[str, str]:
    """Which version each alias of a surface names. Raises ``TrackingFailed``."""
    with _client(ledger) as client:
        return _aliases(client, model_name(tenant, surface))


@contextmanager
def _client(ledger: Ledger) -> Iterator[Any]:
    """A client; every trouble inside the block becomes ``TrackingFailed``."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient  # noqa: PLC0415  # 5 s, 200 MB
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    for chatter in ("alembic", "mlflow.store.db.utils"):  # every migration is announced
        logging.getLogger(chatter).setLevel(logging.WARNING)
    try:
        with _alone(ledger.uri):
            yield MlflowClient(ledger.uri, ledger.uri)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        told = f"MLflow at {ledger.uri}: {str(error).splitlines()[0]}"
        raise TrackingFailed(re.sub(r"//[^@/]*@", "//", told)) from error  # a URI may carry a password


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """One process at a time on a SQLite file: two that create its tables at once would both fail."""
    if not uri.startswith("sqlite:///"):
        yield
        return
    path = Path(uri.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _experiment(client: Any, tenant: str, ledger: Ledger) -> str:
    name = f"recsys-{segment(tenant, 'tenant')}"
    found = client.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    place = f"{ledger.artifacts.rstrip('/')}/{tenant}" if ledger.artifacts else None
    return str(client.create_experiment(name, artifact_location=place))


def _run(client: Any, run: TrackedRun, experiment: str) -> Any:
    """The run of that key, begun or made anew."""
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{run.digest}'", max_results=1)
    if found:
        return found[0]
    tags = {**run.tags, "tenant": run.tenant, "surface": run.surface, KEY: run.digest}
    return client.create_run(experiment, tags=tags, run_name=f"{run.surface} {run.at:%Y-%m-%d %H:%M}")


def _record(client: Any, run: TrackedRun, run_id: str) -> None:
    from mlflow.entities import Metric, Param  # noqa: PLC0415  # see _client

    at_ms = int(run.at.timestamp() * 1000)
    params = [Param(_key(name), str(value)) for name, value in sorted(run.params.items())]
    metrics = [Metric(_key(name), float(value), at_ms, 0) for name, value in sorted(run.metrics.items())]
    client.log_batch(run_id, metrics=metrics, params=params[:PARAMS_PER_BATCH])
    for start in range(PARAMS_PER_BATCH, len(params), PARAMS_PER_BATCH):
        client.log_batch(run_id, params=params[start : start + PARAMS_PER_BATCH])
    for path in run.reports:
        (client.log_artifacts if path.is_dir() else client.log_artifact)(run_id, str(path), "report")
    client.set_terminated(run_id, "FINISHED", at_ms)


def _key(name: str) -> str:
    """MLflow has no ``@`` in its names: ``ndcg@10`` is ``ndcg_at_10`` there."""
    return name.replace("@", "_at_")


def _version(client: Any, name: str, info: Any) -> str:
    """The model version of the run. Its source lies inside the run, as a server accepts no other local path."""
    found = [each for each in client.search_model_versions(f"run_id = '{info.run_id}'") if each.name == name]
    if found:
        return str(found[0].version)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    made = client.create_model_version(name, f"{info.artifact_uri}/{MANIFEST}", info.run_id, await_creation_for=0)
    return str(made.version)


def _attach(client: Any, manifest: Manifest) -> None:
    body = canonical(manifest)
    facts = {"manifest_generation": str(manifest.generation), "manifest_sha256": hashlib.sha256(body).hexdigest()}
    lineage = manifest.lineage
    client.log_text(lineage.mlflow_run_id, body.decode(), f"{MANIFEST}/manifest.json")
    for name, value in facts.items():
        client.set_tag(lineage.mlflow_run_id, name, value)
        client.set_model_version_tag(lineage.model_name, lineage.model_version, name, value)


def _crown(client: Any, name: str, version: str) -> None:
    champion = _aliases(client, name).get("champion")
    if champion == version:
        return
    if champion:
        client.set_registered_model_alias(name, "previous", champion)
    client.set_registered_model_alias(name, "champion", version)


def _aliases(client: Any, name: str) -> dict[str, str]:
    return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}
