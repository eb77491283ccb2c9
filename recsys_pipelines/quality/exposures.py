"""Do outcomes find the exposures that they name, and are the shown items spread over the ranks as lists are?

The exposures of a day reach the lake after its events were validated. So these checks look at the newest days that do
have exposures, a week at most, whatever the batch is about; on the first day there are none, and nothing is said.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from math import ceil
from typing import NamedTuple

import polars as pl

from data_contracts.feedback_tables import OUTCOMES
from data_contracts.policies import Checks
from recsys_pipelines.feedback.joins import join_facts, position_shares
from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.names import JOINED, POSITIONS
from recsys_pipelines.quality.results import Seen, result, share
from recsys_pipelines.verdict import EXAMPLES, CheckResult

WEEK = 7
_HOURS_PER_DAY = 24
_NONE = "the lake has no exposures yet, so nothing is said"


class Shown(NamedTuple):
    """The ``days`` in question; ``exposures`` (request_id, item_id, rank) of these and of those that their
    ``outcomes`` (type, request_id, item_id) may name."""

    days: Sequence[date]
    exposures: pl.DataFrame
    outcomes: pl.DataFrame


def shown(case: Case) -> Shown | None:
    """The newest days with exposures until the day of the run; None if there is none."""
    stored = [day for day in case.lake.days("exposures", case.tenant) if day <= case.day]
    days = stored[-WEEK:]
    if not days:
        return None
    back = timedelta(days=ceil(case.document.attribution.window_hours / _HOURS_PER_DAY))
    reach = [day for day in stored if day >= days[0] - back]
    exposures = case.lake.scan("exposures", case.tenant, reach).select("request_id", "item_id", "rank").collect()
    outcomes = (
        case.events(days).filter(pl.col("type").is_in(OUTCOMES)).select("type", "request_id", "item_id").collect()
    )
    return Shown(days, exposures, outcomes)


def joined(shown: Shown | None, checks: Checks) -> CheckResult:
    """Outcomes with a request id whose response, with their item in it, no exposure has."""
    limit = round(1 - checks.minimum_join_share, 9)
    if shown is None:
        return result(JOINED, checks, Seen(0, limit, _NONE))
    facts = join_facts(shown.exposures, shown.outcomes)
    lost = share(facts.orphans, facts.with_request)
    detail = (
        f"{facts.orphans:,} of {facts.with_request:,} outcomes that name a response ({lost:.1%}) find no exposure of "
        f"their item in it ({shown.days[0]} to {shown.days[-1]}), at most {limit:.1%} may"
    )
    ask = "; look whether the exposure logs of all servers arrive" if lost > limit else ""
    key = ["request_id", "item_id"]
    named = shown.outcomes.filter(pl.col("request_id").is_not_null())
    orphans = named.join(shown.exposures, on=key, how="anti")["request_id"].unique().sort().head(EXAMPLES)
    return result(JOINED, checks, Seen(lost, limit, detail + ask, examples=tuple(orphans) if lost else ()))


def positions(shown: Shown | None, checks: Checks) -> CheckResult:
    """The share of the shown items that stand on the most frequent rank."""
    limit = checks.maximum_top_position_share
    if shown is None:
        return result(POSITIONS, checks, Seen(0, limit, _NONE))
    top = position_shares(shown.exposures).sort("share", "rank", descending=[True, False]).head(1)
    if top.is_empty():
        return result(POSITIONS, checks, Seen(0, limit, "no exposure says a rank, so nothing is said"))
    rank, items, part = top.select("rank", "items", "share").row(0)
    detail = f"{items:,} shown items ({part:.1%}) stand on rank {rank}, at most {limit:.1%} may stand on one"
    ask = "; look whether the client logs the rank of each item" if part > limit else ""
    return result(POSITIONS, checks, Seen(part, limit, detail + ask, examples=(f"rank {rank}",) if ask else ()))
