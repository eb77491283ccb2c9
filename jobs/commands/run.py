"""`recsys run daily`: the nightly job from a shell, a cron job or CI."""

import os
from datetime import date
from typing import Annotated

from cyclopts import Parameter

GATE_STOPPED = 2
CHECKS_STOPPED = 4


def daily(
    *,
    tenant: str,
    from_: Annotated[date | None, Parameter(name="--from")] = None,
    to: date | None = None,
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
    json
        Print one JSON object instead of lines for people.
    """
    from jobs.launch import launch, scope  # noqa: PLC0415  (Dagster: 2 s)
    from jobs.summary import show, summary  # noqa: PLC0415
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    days = scope(shop, tenant, from_, to)
    ran = launch(shop, days, log="silent" if json else "progress")
    report = summary(shop, days, ran)
    show(report, as_json=json)
    return report.exit_code
