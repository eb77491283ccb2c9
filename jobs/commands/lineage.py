"""`recsys lineage`: from a generation, a run, a model version or a fingerprint of data to all the others."""

import os
import sys

import msgspec
from rich.console import Console
from rich.table import Table


def lineage(*, tenant: str, surface: str = "", generation: int = 0, of: str = "", json: bool = False) -> int:
    """Say what a generation was made from, or which generations were made from something.

    Exit codes: 0 found, 1 nothing was found, or an error.

    Parameters
    ----------
    tenant
        The tenant's name.
    surface
        Only this surface.
    generation
        Only this generation.
    of
        The beginning of a Dagster or MLflow run, of MODEL/VERSION, of a hash of data or settings, or of a git commit.
    json
        Print a list of objects.
    """
    from recsys_pipelines.lineage import holding, trails  # noqa: PLC0415  (boto3 or not: only when asked)
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    found = holding(trails(Workshop(dict(os.environ)).store, tenant), of)
    found = [each for each in found if surface in ("", each.surface) and generation in (0, each.generation)]
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
        return 0 if found else 1
    for each in found:
        table = Table("", "", title=f"{tenant}/{each.surface} generation {each.generation}", show_header=False)
        facts = msgspec.to_builtins(each.lineage) | {
            "window": f"{each.window.start:%Y-%m-%d} to {each.window.end:%Y-%m-%d}",
            "decision": each.decision,
            "compared with": each.baseline_generation or "nothing",
            "parent": each.parent or "none",
            "served": "yes" if each.current else "no",
        }
        for name, value in facts.items():
            table.add_row(name.replace("_", " "), str(value) or "-")
        Console().print(table)
    if not found:
        Console(stderr=True).print(f"tenant {tenant!r} has no such generation", markup=False)
    return 0 if found else 1
