"""`recsys retain`: every store lets go of what is older than the tenant's policy says."""

import os
import sys

import msgspec
from rich.console import Console
from rich.table import Table


def retain(*, tenant: str, dry_run: bool = False, wait: float = 0.0, json: bool = False) -> None:
    """Delete days of the lake, landed logs and files, rejected rows, reports and access logs that are too old.

    The windows are `privacy.retention` of the tenant's document. Safe while servers run, and to run again. Days that
    are gone do not come back when their source is read again; the source itself is never touched.

    Parameters
    ----------
    tenant
        The tenant's name.
    dry_run
        Say what would be deleted, and delete nothing.
    wait
        Seconds to wait while a run of the tenant is in progress; then this one refuses.
    json
        Print one JSON object.
    """
    from recsys_pipelines.privacy.retention import retain as let_go  # noqa: PLC0415  (Polars: only when asked)
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    let = let_go(Workshop(dict(os.environ)), tenant, dry_run=dry_run, wait_s=wait)
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(let), indent=2).decode() + "\n")
        return
    if not let.stores:
        Console().print(f"{tenant}: nothing is older than its policy says")
        return
    title = f"{tenant}: {'would be deleted' if dry_run else 'deleted'}"
    table = Table("store", "before", "keys", "bytes", "such as", title=title)
    for store in let.stores:
        table.add_row(store.store, str(store.before), f"{store.keys:,}", f"{store.bytes:,}", store.examples[0])
    Console().print(table)
