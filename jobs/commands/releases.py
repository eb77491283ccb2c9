"""`recsys releases`, `rollback`, `demote`, `promote`: what was published, taken back or brought forward."""

import getpass
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from data_contracts.manifest import Move


def releases(*, tenant: str, surface: str | None = None, json: bool = False) -> None:
    """List the generations of a tenant, newest first, with the gate's decision and the metrics it saw.

    Parameters
    ----------
    tenant
        The tenant's name.
    surface
        Only this surface.
    json
        Print a list of {surface, generation, current, created_at, decision, metrics}.
    """
    from recsys_pipelines.releases import releases as published  # noqa: PLC0415  (boto3 or not: only when asked)
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    found = [r for r in published(Workshop(dict(os.environ)).store, tenant) if surface in (None, r.surface)]
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
        return
    table = Table("surface", "generation", "served", "created", "decision", "ndcg@10")
    for release in found:
        metric = release.metrics.get("ndcg@10")
        table.add_row(
            release.surface,
            str(release.generation),
            "*" if release.current else "",
            f"{release.created_at:%Y-%m-%d %H:%M}",
            release.decision,
            "" if metric is None else f"{metric:.4f}",
        )
    Console().print(table if found else f"tenant {tenant!r} has no releases; publish one with `recsys run daily`")


def rollback(*, tenant: str, surface: str, to: int, reason: str, json: bool = False) -> None:
    """Point a surface at an earlier generation; every blob of it is verified first, nothing is computed.

    Servers follow within their polling interval. The move and its reason are kept in the surface's history.

    Parameters
    ----------
    tenant
        The tenant's name.
    surface
        The surface, as in the tenant's document.
    to
        The generation to serve again.
    reason
        Why; for the people who read the history.
    json
        Print the move as JSON.
    """
    from recsys_pipelines.releases import rollback as move_back  # noqa: PLC0415

    told(tenant, surface, partial(move_back, to=to), reason, as_json=json)


def demote(*, tenant: str, surface: str, reason: str, json: bool = False) -> None:
    """Take back what a surface serves: the next older generation is verified and served again.

    Parameters
    ----------
    tenant
        The tenant's name.
    surface
        The surface, as in the tenant's document.
    reason
        Why; for the people who read the history.
    json
        Print the move as JSON.
    """
    from recsys_pipelines.releases import demote as take_back  # noqa: PLC0415

    told(tenant, surface, take_back, reason, as_json=json)


def promote(*, tenant: str, surface: str, reason: str, to: int | None = None, json: bool = False) -> None:
    """Serve the newest generation that the gate let through, as after a rollback; all of it is verified first.

    Parameters
    ----------
    tenant
        The tenant's name.
    surface
        The surface, as in the tenant's document.
    reason
        Why; for the people who read the history.
    to
        Another generation than the newest; one that the gate stopped is refused.
    json
        Print the move as JSON.
    """
    from recsys_pipelines.releases import promote as bring_forward  # noqa: PLC0415

    told(tenant, surface, partial(bring_forward, to=to), reason, as_json=json)


def told(tenant: str, surface: str, change: "Callable[..., Move]", reason: str, *, as_json: bool) -> None:
    """Move the pointer, then the aliases of MLflow after it, and say so."""
    from recsys_pipelines.releasing import follow  # noqa: PLC0415
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    move = change(shop.store, tenant, surface, now=shop.now(), by=getpass.getuser(), reason=reason)
    followed = follow(shop, tenant, surface, move.to_generation)
    if as_json:
        sys.stdout.write(msgspec.json.encode(move).decode() + "\n")
        return
    Console().print(
        f"{tenant}/{surface}: generation {move.from_generation} -> {move.to_generation}, because: {move.reason}",
        markup=False,
    )
    Console().print(followed.note, markup=False)
