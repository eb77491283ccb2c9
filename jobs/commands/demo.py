"""`recsys demo`: the whole ring once, for every tenant of the examples."""

import os
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

MISSING = "no tenants in {folders}; start in a checkout of the project, where examples/data holds the demo tenants"


def demo() -> int:
    """Run the daily job for every tenant, then show recommendations that came out of it, with their reasons.

    State goes to RECSYS_HOME (default ./.recsys). Running it again finds everything done and says so.
    """
    from data_contracts.errors import ContractError  # noqa: PLC0415
    from jobs.commands.run import daily  # noqa: PLC0415  (Dagster: 2 s)
    from recsys_pipelines.tenants import folders, tenants  # noqa: PLC0415
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    known = tenants(shop.environ).known
    if not known:
        raise ContractError(MISSING.format(folders=", ".join(map(str, folders(shop.environ)))))
    for name in known:
        code = daily(tenant=name)
        if code:
            return code
    console = Console(highlight=False)
    for name in known:
        for table in samples(shop, name):
            console.print(table)
    goodbye(console, next(iter(known)))
    return 0


def samples(shop: "Workshop", tenant: str) -> Iterator[Table]:  # type: ignore[name-defined]  # noqa: F821
    """The recommendations of two users, as the server gives them."""
    raise NotImplementedError


def goodbye(console: Console, tenant: str) -> None:
    """What to do next."""
    console.print()
    console.print("look around   [bold]make ui[/]      the graph, checks and plots in Dagster: http://127.0.0.1:3000")
    console.print("serve         [bold]make serve[/]   then:")
    console.print(
        "  curl -s http://127.0.0.1:8000/v1/recommend -H 'content-type: application/json' "
        f"-H 'X-Org-Id: {tenant}' "
        """-d '{"surface": "home", "user": {"user_id": "u0001"}, "k": 5, "options": {"include_reasons": true}}'""",
        markup=False,
        soft_wrap=True,
    )
