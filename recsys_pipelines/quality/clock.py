"""Clocks that ran ahead: events whose time was set right while they were landed (`recsys_pipelines.clock`)."""

from collections.abc import Sequence

from data_contracts.policies import Checks
from recsys_pipelines.ledger import LandedFile
from recsys_pipelines.quality.names import CLAMPED
from recsys_pipelines.quality.results import Seen, result, share
from recsys_pipelines.verdict import CheckResult


def clamped_events(batch: Sequence[LandedFile], checks: Checks) -> CheckResult:
    """The share of the batch's accepted events that carry the time of receipt, for their own was ahead of it."""
    limit, events = checks.maximum_clamped_share, [file for file in batch if file.table == "events"]
    clamped, total = sum(file.clamped for file in events), sum(file.accepted for file in events)
    detail = (
        f"{clamped:,} of {total:,} events ({share(clamped, total):.1%}) came from a clock that runs ahead and got the "
        f"time of their receipt, at most {limit:.1%} may"
    )
    over = tuple(file.file for file in events if file.clamped > limit * file.accepted)
    ask = "; set the clocks of the senders right" if over else ""
    return result(CLAMPED, checks, Seen(share(clamped, total), limit, detail + ask, files=over))
