"""Trainings: that a run began to fit models, and how it ended, each announced with the change and exactly once.

A record in the lake says which training is open. It is written under the tenant's lease, the announcement follows, and
then the record says that it was made: its key is the run's id, so that repeating a step tells nothing twice. A run that
is killed leaves its training open; whoever holds the tenant next ends it as ``abandoned``.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobExists
from data_contracts.files import appearing
from data_contracts.layout import training_key
from data_contracts.manifest import canonical
from data_contracts.training_records import Ending, TrainingCompleted, TrainingStarted
from recsys_pipelines.lake import Lake

FILE = "training.prom"
GOOD: tuple[Ending, ...] = ("released", "unchanged")


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """The tenant's newest training, and how those before ended; ``completed`` is None while it is open."""

    started: TrainingStarted
    completed: TrainingCompleted | None = None
    announced: bool = False  # that it was completed
    endings: dict[Ending, int] = {}
    last_good_at: datetime | None = None


def begin(lake: Lake, store: Blobs, started: TrainingStarted) -> None:
    """The run fits models from now on; a second call of the same run changes nothing."""
    found = newest(lake, started.tenant)
    if found is not None and found.completed is None and found.started.run_id != started.run_id:
        found = complete(lake, store, _ended(found.started, "abandoned", started.at))
    if found is None or found.started.run_id != started.run_id:
        kept = {} if found is None else {"endings": found.endings, "last_good_at": found.last_good_at}
        found = Training(started=started, **kept)  # type: ignore[arg-type]  # what is kept has the fields' own types
        lake.write_json("training", started.tenant, None, found)
    _announce(store, "Started", found.started)


def complete(lake: Lake, store: Blobs, completed: TrainingCompleted) -> Training:
    """The training ended; a second call of the same run changes nothing. Raises ``LookupError`` if it never began."""
    found = newest(lake, completed.tenant)
    if found is None or found.started.run_id != completed.run_id:
        raise LookupError(f"run {completed.run_id} of tenant {completed.tenant!r} has not begun to train")
    if found.completed is None:
        endings = found.endings | {completed.ending: found.endings.get(completed.ending, 0) + 1}
        good = completed.at if completed.ending in GOOD else found.last_good_at
        found = msgspec.structs.replace(found, completed=completed, endings=endings, last_good_at=good)
        lake.write_json("training", completed.tenant, None, found)
    if found.completed is not None and not found.announced:
        _announce(store, "Started", found.started)  # if the run died before it could say so
        _announce(store, "Completed", found.completed)
        found = msgspec.structs.replace(found, announced=True)
        lake.write_json("training", completed.tenant, None, found)
    return found


def ending_of(generations: Mapping[str, int] | None, error: str) -> Ending:
    """How a run ended that made these ``generations`` (None: it did not come to a release), with the first error."""
    if error:
        return "failed"
    if generations is None:
        return "not_released"
    return "released" if generations else "unchanged"


def settle(lake: Lake, store: Blobs, tenant: str, at: datetime) -> Training | None:
    """End what a killed run left open; only for who holds the tenant. The newest training, if there was any."""
    found = newest(lake, tenant)
    if found is None:
        return None
    return complete(lake, store, found.completed or _ended(found.started, "abandoned", at))


def newest(lake: Lake, tenant: str) -> Training | None:
    """The training that began last."""
    return lake.read_json("training", tenant, None, Training)


def write_metrics(training: Training, folder: Path) -> Path:
    """Write ``training.prom`` for Prometheus' textfile collector; its path."""
    path = folder / FILE
    with appearing(path) as file:
        file.write(metrics(training))
    return path


def metrics(training: Training) -> bytes:
    """``recsys_training_seconds``, ``_runs`` by ending, and when it started and when one last ended well."""
    registry = CollectorRegistry()
    tenant = training.started.tenant

    def gauge(name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"recsys_training_{name}", meaning, ("tenant", *labels), registry=registry)

    gauge("started_timestamp_seconds", "When the newest training began.").labels(tenant).set(
        training.started.at.timestamp()
    )
    if training.completed is not None:
        gauge("seconds", "How long the newest training took.").labels(tenant).set(training.completed.seconds)
    if training.last_good_at is not None:
        good = gauge("last_good_timestamp_seconds", "When a training last ended released or unchanged.")
        good.labels(tenant).set(training.last_good_at.timestamp())
    runs = gauge("runs", "Trainings so far by how they ended.", "ending")
    for ending, count in sorted(training.endings.items()):
        runs.labels(tenant, ending).set(count)
    return generate_latest(registry)


def _ended(started: TrainingStarted, ending: Ending, at: datetime) -> TrainingCompleted:
    return TrainingCompleted(
        tenant=started.tenant, run_id=started.run_id, day=started.day, ending=ending, started_at=started.at, at=at
    )


def _announce(store: Blobs, kind: str, record: TrainingStarted | TrainingCompleted) -> None:
    with suppress(BlobExists):
        store.create(training_key(record.tenant, kind, record.run_id), canonical(record))  # type: ignore[arg-type]
