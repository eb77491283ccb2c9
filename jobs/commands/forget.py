"""`recsys forget`: a person leaves every store, and a proof says so."""

import os
import sys
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from recsys_pipelines.privacy.proof import Proof
    from recsys_pipelines.privacy.searching import Search
    from recsys_pipelines.workshop import Workshop


def forget(*, tenant: str, user: str, verify: bool = False, wait: float = 0.0, json: bool = False) -> int:
    """Remove a person from lake, landing, models, reports and logs, and keep them out; servers forget them at once.

    Safe to run again at any time, also after it was killed. Ends with a signed report that holds no id of the person.

    Exit codes: 0 no store holds the person any more, 1 some still do (they are named) or an error.

    Parameters
    ----------
    tenant
        The tenant's name.
    user
        The person's id, as the tenant's sources or the lake have it.
    verify
        Change nothing: search every store and name where the person is.
    wait
        Seconds to wait while a run of the tenant is in progress; then this one refuses.
    json
        Print one JSON object.
    """
    from recsys_pipelines.privacy.forgetting import found  # noqa: PLC0415  (Polars: only when asked)
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    if not verify:
        return forgotten(shop, tenant, user, wait=wait, as_json=json)
    search = found(shop, tenant, user)
    if json:
        write(search)
    else:
        show_search(search)
    return 1 if search.held else 0


def forgotten(shop: "Workshop", tenant: str, user: str, *, wait: float, as_json: bool) -> int:
    """Forget the person; the exit code."""
    from recsys_pipelines.privacy.forgetting import forget as forget_person  # noqa: PLC0415

    result = forget_person(shop, tenant, user, wait_s=wait)
    if as_json:
        write(result.proof)
    else:
        show_proof(result.proof, unchanged=result.unchanged)
    return 1 if result.proof.left else 0


def write(record: msgspec.Struct) -> None:
    """One JSON object."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(record), indent=2).decode() + "\n")


def show_search(search: "Search") -> None:
    """Every store, with how it was searched, and then the places."""
    table = Table("store", "found", "searched by", title=f"{search.tenant}: where the person is")
    for store in search.stores:
        table.add_row(store.store, str(sum(held.count for held in store.held)), store.method)
    Console().print(table)
    for held in search.held:
        Console().print(f"{held.store}: {held.key} ({held.count})", markup=False, soft_wrap=True)
    for place in search.outside:
        Console().print(f"not searched: {place}", markup=False, soft_wrap=True)


def show_proof(proof: "Proof", *, unchanged: bool) -> None:
    """What was removed, store by store."""
    table = Table("store", "removed", "from", title=f"{proof.tenant}: {proof.person}")
    for store in proof.stores:
        table.add_row(store.store, f"{store.removed:,}", f"{store.keys:,} keys")
    Console().print("nothing was left to remove; this is the report of the first time:" if unchanged else table)
    if unchanged:
        Console().print(table)
    for each in proof.generations:
        Console().print(f"{each.surface}: generation {each.before} -> {each.after}")
    for held in proof.left:
        Console().print(f"still there: {held.store}: {held.key} ({held.count})", markup=False, soft_wrap=True)
