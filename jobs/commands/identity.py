"""`recsys identity`: which anonymous id is which user, said and taken back by people, in a log that keeps all of it."""

import getpass
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from cyclopts import App
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from recsys_pipelines.workshop import Workshop

identity = App(name="identity", help="Which anonymous id is which user, beyond what the events say.")


@identity.command
def link(*, tenant: str, anonymous_id: str, user: str, reason: str, json: bool = False) -> None:
    """Say that an anonymous id belongs to a user, whatever the events say; saying it again changes nothing.

    Training follows with the next run.

    Parameters
    ----------
    tenant
        The tenant's name.
    anonymous_id
        The device or cookie, as the lake has it.
    user
        The user, as the lake has it.
    reason
        Why; for the people who read the log.
    json
        Print one JSON object.
    """
    say(tenant, (anonymous_id, user), "link", reason, as_json=json)


@identity.command
def unlink(*, tenant: str, anonymous_id: str, user: str, reason: str, json: bool = False) -> None:
    """Say that an anonymous id does not belong to a user: what they had in common is told apart from the next run on.

    Parameters
    ----------
    tenant
        The tenant's name.
    anonymous_id
        The device or cookie, as the lake has it.
    user
        The user, as the lake has it.
    reason
        Why; for the people who read the log.
    json
        Print one JSON object.
    """
    say(tenant, (anonymous_id, user), "unlink", reason, as_json=json)


@identity.command
def show(*, tenant: str, anonymous_id: str | None = None, at: datetime | None = None, json: bool = False) -> None:
    """Show the log, and which links it says there are.

    Parameters
    ----------
    tenant
        The tenant's name.
    anonymous_id
        Only what was said of this one.
    at
        The links as they were then (ISO 8601); default: now.
    json
        Print one JSON object.
    """
    from recsys_pipelines.identity import read_log, state  # noqa: PLC0415  (Polars: only when asked)

    log = read_log(opened(tenant).lake, tenant)
    entries = [entry for entry in log.entries if anonymous_id in {None, entry.anonymous_id}]
    known = state(msgspec.structs.replace(log, entries=tuple(entries)), at.astimezone(UTC) if at else None)
    if json:
        write({"entries": entries, "linked": known.linked, "unlinked": sorted(known.unlinked)})
        return
    table = Table("at", "said", "anonymous id", "user", "by", "reason")
    for entry in entries:
        table.add_row(str(entry.at), entry.action, entry.anonymous_id, entry.user_id, entry.by, entry.reason)
    Console().print(table)
    for device, user in sorted(known.linked.items()):
        Console().print(f"{device} is {user}", markup=False)
    for device, user in sorted(known.unlinked):
        Console().print(f"{device} is not {user}", markup=False)


def say(tenant: str, pair: tuple[str, str], action: Literal["link", "unlink"], reason: str, *, as_json: bool) -> None:
    """Append to the log, and say whether that changed anything."""
    from recsys_pipelines.identity import Entry  # noqa: PLC0415
    from recsys_pipelines.identity import say as append  # noqa: PLC0415

    shop = opened(tenant)
    by = getpass.getuser()
    entry = Entry(anonymous_id=pair[0], user_id=pair[1], action=action, at=shop.now(), by=by, reason=reason)
    is_new = append(shop.lake, tenant, entry)
    if as_json:
        write({"entry": entry, "changed": is_new})
        return
    verb = "is" if action == "link" else "is not"
    Console().print(f"{pair[0]} {verb} {pair[1]}{'' if is_new else ', as the log said already'}", markup=False)


def opened(tenant: str) -> "Workshop":
    """The places of this installation, if it knows the tenant."""
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    shop.tenant(tenant)
    return shop


def write(found: Any) -> None:
    """One JSON object."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
