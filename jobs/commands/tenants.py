"""`recsys tenants`: which tenants this installation knows, and from where."""

import os
import sys

import msgspec
from rich.console import Console
from rich.table import Table


def tenants(*, json: bool = False) -> int:
    """List the tenants and the files they come from; a broken document is named with its error (exit code 1).

    Documents are looked for in RECSYS_TENANTS, else in RECSYS_HOME/tenants and examples/data.

    Parameters
    ----------
    json
        Print {known: [{tenant, folder, surfaces, algorithms}], broken: {file: error}}.
    """
    from recsys_pipelines.tenants import tenants as found  # noqa: PLC0415

    known, broken = found(os.environ)
    rows = [
        {
            "tenant": name,
            "surfaces": sorted(tenant.document.surfaces),
            "algorithms": sorted(tenant.document.algorithms),
            "folder": str(tenant.folder),
        }
        for name, tenant in known.items()
    ]
    if json:
        body = {"known": rows, "broken": {str(path): error for path, error in broken.items()}}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n")
        return 1 if broken else 0
    table = Table("tenant", "surfaces", "algorithms", "folder")
    for row in rows:
        table.add_row(*(value if isinstance(value, str) else ", ".join(value) for value in row.values()))
    Console().print(table)
    for error in broken.values():
        Console(stderr=True).print(f"broken: {error}", markup=False)
    return 1 if broken else 0
