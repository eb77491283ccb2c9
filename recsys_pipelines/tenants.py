"""Which tenants this installation knows: their documents, found in a few folders.

A document is ``FOLDER/NAME/tenant.json``, or ``FOLDER/NAME.json``; paths in it are relative to its own folder. The
folders are those of ``RECSYS_TENANTS`` (separated like ``PATH``), else ``tenants/`` under ``RECSYS_HOME`` and
``examples/data`` where the command was started. In two folders, the first one counts. A broken document is the
trouble of its own tenant only.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from data_contracts.documents import TenantDocument, parse
from data_contracts.errors import ContractError, InvalidDocument
from data_contracts.layout import Locations
from recsys_pipelines.quality.names import require_known


class UnknownTenant(ContractError):
    """No folder holds a usable document of that tenant."""


class Tenant(NamedTuple):
    """A tenant's document, the bytes it was read from, and the folder that its paths start in."""

    document: TenantDocument
    body: bytes
    folder: Path


class Tenants(NamedTuple):
    """Who is known, by name, and which files are not tenant documents, with the reason."""

    known: dict[str, Tenant]
    broken: dict[Path, str]


def tenants(environ: Mapping[str, str]) -> Tenants:
    """Every tenant document in the folders."""
    known: dict[str, Tenant] = {}
    broken: dict[Path, str] = {}
    for path in _documents(environ):
        try:
            tenant = load(path)
        except InvalidDocument as error:
            broken[path] = str(error)
        else:
            known.setdefault(tenant.document.tenant, tenant)
    return Tenants(dict(sorted(known.items())), broken)


def tenant(name: str, environ: Mapping[str, str]) -> Tenant:
    """One tenant. Raises ``UnknownTenant`` that lists the known ones, the folders searched and the broken files."""
    known, broken = tenants(environ)
    if name in known:
        return known[name]
    searched = ", ".join(str(folder) for folder in folders(environ))
    complaints = "".join(f"; {reason}" for reason in broken.values())
    raise UnknownTenant(f"no tenant {name!r} in {searched}; known tenants: {', '.join(known) or 'none'}{complaints}")


def load(path: Path) -> Tenant:
    """The tenant of one document file. Raises ``InvalidDocument``."""
    body = path.read_bytes()
    document = parse(body, str(path))
    require_known(document)
    return Tenant(document, body, path.parent)


def folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where documents are looked for, in order."""
    named = environ.get("RECSYS_TENANTS")
    if named:
        return tuple(Path(part) for part in named.split(os.pathsep) if part)
    return (Locations.from_environ(environ).tenants, Path("examples/data"))


def _documents(environ: Mapping[str, str]) -> Iterator[Path]:
    for folder in folders(environ):
        yield from sorted(folder.glob("*/tenant.json"))
        yield from sorted(folder.glob("*.json"))
