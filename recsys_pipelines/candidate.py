"""The candidate: everything that one day's release would publish, as arrays on disk, with a fingerprint."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from data_contracts.documents import TenantDocument
from data_contracts.manifest import canonical
from recsys_algo.encode import Encoded
from recsys_pipelines.lake import Lake
from recsys_pipelines.tenants import Tenant
from recsys_pipelines.training import encoded, window


class Arrays(NamedTuple):
    """Both fits, and what identifies them: the same tables, settings and window give the same fingerprint."""

    evaluated: list[Encoded]
    served: list[Encoded]
    fingerprint: str
    data_fingerprint: str


@contextmanager
def candidate(tenant: Tenant, lake: Lake, day: date) -> Iterator[Arrays]:
    """Encode both fits into a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="recsys-") as name:
        evaluated = encoded(tenant.document, lake, day, "evaluated", folder=Path(name) / "evaluated")
        served = encoded(tenant.document, lake, day, "served", folder=Path(name) / "served")
        data = fingerprint_of_data(tenant, lake, day)
        yield Arrays(evaluated, served, fingerprint(tenant, day, evaluated, served), data)


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
