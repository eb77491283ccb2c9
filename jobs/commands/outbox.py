"""`recsys outbox`: announcements of trainings and releases that wait for their receivers."""

import os
import sys

import msgspec
from cyclopts import App
from rich.console import Console
from rich.table import Table

outbox = App(name="outbox", help="Announcements of trainings and releases, and who has them.")


@outbox.command
def show(*, tenant: str, json: bool = False) -> None:
    """What still waits to be delivered, oldest first, and who has it already.

    Parameters
    ----------
    tenant
        The tenant's name.
    json
        Print a list of objects.
    """
    from recsys_pipelines.outbox.delivery import waiting  # noqa: PLC0415  (only when asked)
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    shop.tenant(tenant)
    left = waiting(shop.store, tenant)
    if json:
        plain = [
            {"id": each.announcement.id, "at": each.announcement.at, "taken_by": each.delivery.taken_by}
            for each in left
        ]
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode() + "\n")
        return
    table = Table("announcement", "at", "taken by", title=f"{tenant}: {len(left)} to be delivered")
    for each in left:
        when = f"{each.announcement.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(each.announcement.id, when, ", ".join(each.delivery.taken_by) or "nobody")
    Console().print(table)


@outbox.command
def deliver(*, tenant: str, json: bool = False) -> int:
    """Send what waits to everybody that `notify` of the tenant's document names, in order.

    A receiver that is down keeps what is for it waiting. The orchestrator does this by itself, as does `recsys run`.
    Exit codes: 0 nothing waits any more, 1 something does.

    Parameters
    ----------
    tenant
        The tenant's name.
    json
        Print one JSON object.
    """
    from recsys_pipelines.outbox.telling import tell  # noqa: PLC0415  (only when asked)
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    done = tell(Workshop(dict(os.environ)), tenant)
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(done._asdict()), indent=2).decode() + "\n")
    else:
        told = f"{tenant}: {len(done.sent)} delivered, {done.waiting} waiting"
        Console().print(f"{told}: {done.trouble}" if done.trouble else told, markup=False, soft_wrap=True)
    return 1 if done.waiting else 0
