"""`recsys run daily`: the nightly job from a shell, a cron job or CI."""

import os
from datetime import date
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

from cyclopts import Parameter
from rich.console import Console

from data_contracts.errors import ContractError

if TYPE_CHECKING:
    from recsys_pipelines.workshop import Workshop

GATE_STOPPED = 2
CHECKS_STOPPED = 4


def daily(
    *,
    tenant: str,
    from_: Annotated[date | None, Parameter(name="--from")] = None,
    to: date | None = None,
    full: bool = False,
    wait: float = 0.0,
    json: bool = False,
) -> int:
    """Ingest, validate, train, evaluate, gate and publish one tenant.

    Without dates it runs the newest complete day that the tenant's files have. Files that were read before are not read
    again; days that new files touch are rewritten. Running it twice changes nothing.

    Exit codes: 0 published or nothing new, 1 error, 2 stopped by the gate, 4 stopped by the data checks.

    Parameters
    ----------
    tenant
        The tenant's name, as in its document.
    from_
        First day to rebuild (YYYY-MM-DD, UTC). With --to this is a backfill, published as of its last day.
    to
        Last day; models are as of its end.
    full
        Read every source file again and make every day again, as after a loss; the result is the same.
    wait
        Seconds to wait while another run of the tenant is in progress; then this one refuses.
    json
        Print one JSON object instead of lines for people.
    """
    from jobs.launch import launch, scope  # noqa: PLC0415  (Dagster: 2 s)
    from jobs.summary import show, summary  # noqa: PLC0415
    from recsys_pipelines.lease import hold  # noqa: PLC0415
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop, run_id = Workshop(dict(os.environ)), str(uuid4())
    shop.tenant(tenant)  # its mistakes come before waiting
    with hold(shop.lake, tenant, holder=run_id, now=shop.now, wait_s=wait):
        days = scope(shop, tenant, from_, to)
        ran = launch(shop, days, run_id=run_id, full=full, log="silent" if json else "progress")
    trouble = told(shop, tenant)
    report = summary(shop, days, ran)
    show(report, as_json=json)
    if trouble and not json:
        Console(stderr=True, soft_wrap=True).print(trouble, markup=False)
    return report.exit_code


def told(shop: "Workshop", tenant: str) -> str:
    """Tell of the run whoever wants to know; why somebody could not be told, which fails no run."""
    from recsys_pipelines.outbox.telling import tell, wants_to_be_told  # noqa: PLC0415

    if not wants_to_be_told(shop, tenant):
        return ""
    try:
        done = tell(shop, tenant)
    except ContractError as error:  # the run is over, and what it did is recorded
        return f"nobody could be told: {error}"
    return f"{done.waiting} announcements wait to be delivered: {done.trouble}" if done.waiting else ""
