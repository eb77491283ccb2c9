"""`recsys train`: ask for a run without waiting for it; the orchestrator's sensor starts it."""

import getpass
import os
import sys
from datetime import date
from typing import Annotated
from uuid import uuid4

import msgspec
from cyclopts import Parameter
from rich.console import Console


def train(
    *,
    tenant: str,
    from_: Annotated[date | None, Parameter(name="--from")] = None,
    to: date | None = None,
    full: bool = False,
    request_id: str = "",
    json: bool = False,
) -> None:
    """Leave a request for a daily run; Dagster's daemon picks it up (sensor `training_requests`) within a minute.

    `recsys run daily` does the same here and now, and waits.

    Parameters
    ----------
    tenant
        The tenant's name.
    from_
        First day to rebuild (YYYY-MM-DD, UTC).
    to
        Last day; models are as of its end. Without days: yesterday (UTC), as the schedule would ask.
    full
        Read every source file again.
    request_id
        An id of your own, so that asking twice starts one run.
    json
        Print one JSON object.
    """
    from data_contracts.training_records import TrainingRequest  # noqa: PLC0415  (only when asked)
    from recsys_pipelines.requests import ask  # noqa: PLC0415
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    shop.tenant(tenant)
    request = TrainingRequest(
        tenant=tenant,
        request_id=request_id or uuid4().hex,
        at=shop.now(),
        by=getpass.getuser(),
        first=from_,
        last=to,
        full=full,
    )
    new = ask(shop.store, request)
    if json:
        answer = {"request_id": request.request_id, "accepted": new}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n")
    else:
        Console().print(f"{tenant}: request {request.request_id} {'left' if new else 'was left before'}")
