"""`recsys demo`: the whole ring once, for every tenant of the examples."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from recsys_pipelines.workshop import Workshop

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
    goodbye(console, next(iter(known)), busiest(shop, next(iter(known)))[0])
    return 0


def samples(shop: "Workshop", tenant: str) -> Iterator[Table]:
    """The recommendations of the two busiest users on the default surface, at the end of the data, with reasons."""
    from recsys_algo.loading import load  # noqa: PLC0415  (numpy)
    from recsys_algo.rank import recommend  # noqa: PLC0415
    from recsys_algo.situation import Query  # noqa: PLC0415

    loaded = load(shop.store, tenant, shop.tenant(tenant).document.default_surface, shop.cache)
    assert loaded is not None  # no tag was given that could still be the newest
    bundle = loaded.bundle
    for user in busiest(shop, tenant):
        title = f"{tenant}/{bundle.surface} generation {bundle.generation}: {user}"
        table = Table("", "item", "title", "because", title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for item in recommend(bundle, Query(k=5, now=bundle.window_end, user_id=user)).items:
            about = bundle.catalog.describe(bundle.catalog.ids.find(item.item_id), ("title",))
            table.add_row(str(item.rank), item.item_id, about.get("title"), ", ".join(item.reasons))
        yield table


def busiest(shop: "Workshop", tenant: str) -> list[str]:
    """Two known users who did most in the window; of equals the first by id."""
    day = max(shop.lake.days("interactions_served", tenant))
    pairs, users = shop.lake.read("interactions_served", tenant, day), shop.lake.read("users", tenant, day)
    known = pairs if users.is_empty() else pairs.join(users, on="user_id", how="semi")
    counts = known.group_by("user_id").len()
    return counts.sort("len", "user_id", descending=[True, False])["user_id"].head(2).to_list()


def goodbye(console: Console, tenant: str, user: str) -> None:
    """What to do next."""
    asked = f'{{"surface": "home", "user": {{"user_id": "{user}"}}, "k": 5, "options": {{"include_reasons": true}}}}'
    console.print()
    console.print(
        "look around   [bold]make ui[/]      the graph, checks and plots in Dagster: http://127.0.0.1:3000",
        soft_wrap=True,
    )
    console.print("serve         [bold]make serve[/]   then:")
    console.print(
        "  curl -s http://127.0.0.1:8000/v1/recommend -H 'content-type: application/json' "
        f"-H 'X-Org-Id: {tenant}' "
        f"-d '{asked}'",
        markup=False,
        soft_wrap=True,
    )
