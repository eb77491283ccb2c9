"""The candidate: everything that one day's release would publish, as arrays on disk, with a fingerprint."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from data_contracts.documents import TenantDocument
from data_contracts.manifest import canonical
from recsys_algo.encode import Encoded
from recsys_algo.ranker import SECOND_STAGE
from recsys_pipelines.decisions import Judgement
from recsys_pipelines.lake import Lake
from recsys_pipelines.penalties import penalties
from recsys_pipelines.second_stage.learning import second_stages
from recsys_pipelines.tenants import Tenant
from recsys_pipelines.training import Fit, encoded, window


class Arrays(NamedTuple):
    """Both fits, and what identifies them: the same tables, settings and window give the same fingerprint.

    They hold the second stages of all surfaces, also those that the gate does not choose: see ``serving``.
    """

    evaluated: list[Encoded]
    served: list[Encoded]
    fingerprint: str
    data_fingerprint: str


@contextmanager
def candidate(tenant: Tenant, lake: Lake, day: date) -> Iterator[Arrays]:
    """Encode both fits into a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="recsys-") as name:
        evaluated = _fit(tenant.document, lake, day, "evaluated", folder=Path(name) / "evaluated")
        served = _fit(tenant.document, lake, day, "served", folder=Path(name) / "served")
        data = fingerprint_of_data(tenant, lake, day)
        yield Arrays(evaluated, served, fingerprint(tenant, day, evaluated, served), data)


def _fit(document: TenantDocument, lake: Lake, day: date, fit: Fit, *, folder: Path) -> list[Encoded]:
    tables = encoded(document, lake, day, fit, folder=folder)
    return [
        *tables,
        *penalties(document, lake, day, fit, folder=folder),
        *second_stages(document, lake, day, fit, folder=folder),
    ]


def serving(fit: Sequence[Encoded], judgement: Judgement) -> list[Encoded]:
    """What a surface serves of a fit: everything but second stages, and its own one if that was chosen."""
    choice = judgement.second_stage
    own = f"{SECOND_STAGE}{judgement.surface}" if choice and choice.chosen else None
    return [artifact for artifact in fit if artifact.shape != "ranker" or artifact.name == own]


def fingerprint(tenant: Tenant, day: date, evaluated: list[Encoded], served: list[Encoded]) -> str:
    """SHA-256 over every array of both fits, the tenant's settings and the window."""
    digest = hashlib.sha256(canonical(tenant.document))
    digest.update(canonical(window(tenant.document, day)))
    for fit in (evaluated, served):
        for artifact in sorted(fit, key=lambda artifact: artifact.name):
            for path in sorted(artifact.files):
                digest.update(f"{artifact.name}/{path.name}".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def config_hash(document: TenantDocument) -> str:
    """SHA-256 of the tenant's settings, whatever the spacing of their file."""
    return hashlib.sha256(canonical(document)).hexdigest()


def fingerprint_of_data(tenant: Tenant, lake: Lake, day: date) -> str:
    """SHA-256 over what was read: the interactions of both fits and the catalog, as they stand in the lake."""
    digest = hashlib.sha256()
    for table in ("items", "interactions_evaluated", "interactions_served"):
        buffer = io.BytesIO()
        lake.read(table, tenant.document.tenant, day).write_ipc(buffer)
        digest.update(buffer.getbuffer())
    return digest.hexdigest()
