"""Whether there is enough data to learn from: the numbers, what they should be at least, and what to do about it.

Thin data is no error: whatever can be learned is learned and the fallback ladder fills the rest. But nobody should
take a list of what is popular for a personal one. So the numbers are said in the run, in the record ``sufficiency``
beside the partition, and in the report; and an algorithm that learned nothing is named.

The limits are rules of thumb: below ``wanted`` expect little of what is personal, below ``needed`` nothing. They are
about the pairs of the served fit; time and memory grow with these.
"""

import operator
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from math import ceil
from typing import Literal, NamedTuple

import msgspec
import polars as pl

from data_contracts.documents import TenantDocument
from recsys_pipelines.algorithm import ByTrait, configured
from recsys_pipelines.lake import Lake
from recsys_pipelines.listing import trait_segments

RECORD = "sufficiency"

Severity = Literal["warning", "critical"]


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A number on the wrong side of its limit. ``threshold`` is the limit that it misses, the harder one if both."""

    name: str
    severity: Severity
    value: float
    threshold: float
    message: str
    advice: str


class Sufficiency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All numbers by name, and what is wrong with them, the worst first."""

    numbers: dict[str, float]
    findings: tuple[Finding, ...]

    @property
    def message(self) -> str:
        """All findings in one line."""
        return "; ".join(finding.message for finding in self.findings) or "enough data by all measures"


class Measure(NamedTuple):
    """What one number says (with ``{value}`` and ``{limit}``), what it should be, and what helps."""

    says: str
    wanted: float
    needed: float
    advice: str
    is_at_most: bool = False


MEASURES = {
    "interactions": Measure(
        "{value} user-item pairs of {limit}",
        1_000,
        50,
        "send more event types, or widen interactions.window_days",
    ),
    "users": Measure(
        "{value} users of {limit}", 100, 10, "serve popularity and content similarity until more users come"
    ),
    "items": Measure("{value} items with interactions of {limit}", 20, 2, "check that events name the catalog's ids"),
    "items_per_user": Measure(
        "{value} items per user of {limit}",
        2.0,
        1.1,
        "what goes with what is learned from users with two items: link anonymous ids, or learn from sessions",
    ),
    "thin_users_share": Measure(
        "{value} of the users have one item alone, {limit}",
        0.8,
        0.99,
        "rely on session and content sources on the surfaces that these users see",
        is_at_most=True,
    ),
    "unseen_items_share": Measure(
        "{value} of the items were never touched, {limit}",
        0.5,
        0.98,
        "weigh a content source, and keep places for new items (ranking.new_items)",
        is_at_most=True,
    ),
    "history_days": Measure(
        "{value} days of history of {limit}", 28, 14, "land older events, or shorten evaluation.test_days"
    ),
    "test_users": Measure(
        "{value} users in the test days of {limit}",
        50,
        1,
        "lengthen evaluation.test_days, or lower gate.minimum_users and accept wider intervals",
    ),
    "known_test_users": Measure(
        "{value} users in the test days that were known before of {limit}",
        20,
        1,
        "offline numbers are about strangers: judge what is personal in an experiment",
    ),
}


def measured(
    interactions: pl.DataFrame, catalog: pl.DataFrame, *, began: datetime | None, now: datetime, test_days: float
) -> dict[str, float]:
    """The numbers of MEASURES for these pairs (columns of ``tables.INTERACTIONS``); pairs of weight zero do not count.

    ``began`` (None: never) is when the events begin, ``now`` when they end; the last ``test_days`` are held out in
    evaluation. Users are in the test days who had anything in them.
    """
    pairs = interactions.filter(pl.col("weight") > 0)
    is_test = pl.col("last_ts") >= now - timedelta(days=test_days)
    users = pairs.group_by("user_id").agg(items=pl.len(), is_in=is_test.any(), was_known=(~is_test).any())
    items = catalog["item_id"].n_unique()
    seen = pairs.select("item_id").unique().join(catalog, on="item_id", how="semi").height
    return {
        "interactions": pairs.height,
        "users": users.height,
        "items": seen,
        "items_per_user": round(pairs.height / users.height, 3) if users.height else 0.0,
        "thin_users_share": round(users.filter(pl.col("items") == 1).height / users.height, 3) if users.height else 1.0,
        "unseen_items_share": round(1 - seen / items, 3) if items else 1.0,
        "history_days": 0 if began is None else ceil((now - began) / timedelta(days=1)),
        "test_users": users.filter("is_in").height,
        "known_test_users": users.filter(pl.col("is_in") & pl.col("was_known")).height,
    }


def sufficiency(numbers: dict[str, float], *, test_days: float = 7, minimum_users: float = 50) -> Sufficiency:
    """What these numbers lack. History should be four times the test days and has to be twice as long; the test days
    should have the gate's ``minimum_users``."""
    own = {
        "history_days": MEASURES["history_days"]._replace(wanted=4 * test_days, needed=2 * test_days),
        "test_users": MEASURES["test_users"]._replace(wanted=minimum_users),
    }
    found = [_finding(name, numbers[name], own.get(name, measure)) for name, measure in MEASURES.items()]
    missed = [finding for finding in found if finding is not None]
    return Sufficiency(numbers=numbers, findings=tuple(sorted(missed, key=lambda finding: finding.severity)))


def examine(document: TenantDocument, lake: Lake, day: date, pairs: pl.DataFrame, *, now: datetime) -> Sufficiency:
    """The numbers of the pairs that are served from, which end at ``now``; also written to the record of the day."""
    first = now - timedelta(days=document.interactions.window_days)
    test_days = document.evaluation.test_days
    numbers = measured(
        pairs,
        lake.read("items", document.tenant, day),
        began=_began(lake, document.tenant, first, now),
        now=now,
        test_days=test_days,
    )
    found = sufficiency(numbers, test_days=test_days, minimum_users=document.gate.minimum_users)
    found = msgspec.structs.replace(found, findings=(*found.findings, *_without_lists(document, lake, day, pairs)))
    lake.write_json(RECORD, document.tenant, day, found)
    return found


def read_sufficiency(lake: Lake, tenant: str, day: date) -> Sufficiency | None:
    """What was found on that day; None if nobody looked."""
    return lake.read_json(RECORD, tenant, day, Sufficiency)


def silent(document: TenantDocument, lake: Lake, day: date) -> tuple[str, ...]:
    """The artifacts whose served fit has learned nothing, by name; those that were not fitted are not among them."""
    fitted = [part for part in lake.parts("models_served", document.tenant) if part.day == day]
    rows = {part.part: lake.scan_parts([part], document.tenant).select(pl.len()).collect().item() for part in fitted}
    return tuple(sorted(name for name in configured(document) if rows.get(name) == 0))


def _without_lists(document: TenantDocument, lake: Lake, day: date, pairs: pl.DataFrame) -> Iterator[Finding]:
    """The traits that are to have lists and get none, as too few people share any value."""
    wanted = {name: each for name, each in configured(document).items() if isinstance(each, ByTrait) and each.per_trait}
    active = pairs.filter(pl.col("weight") > 0).select("user_id")
    users = lake.read("users", document.tenant, day).join(active, on="user_id", how="semi") if wanted else active
    for artifact, settings in wanted.items():
        sharing = trait_segments(users, settings.per_trait).group_by("place", "segment").len()
        for place, trait in enumerate(settings.per_trait):
            most = max(sharing.filter(place=place)["len"].to_list(), default=0)
            if most < settings.minimum_people:
                yield _too_few(f"{artifact}.per_trait.{trait}", trait, most, settings.minimum_people)


def _too_few(name: str, trait: str, people: int, needed: int) -> Finding:
    return Finding(
        name=name,
        severity="warning",
        value=people,
        threshold=needed,
        message=f"{people:,} people share the most common {trait} of {needed:,} needed for a list",
        advice="name a trait that more people say, or join its values where users are mapped",
    )


def _began(lake: Lake, tenant: str, first: datetime, now: datetime) -> datetime | None:
    return next((event for day in lake.daily("events", tenant, first, now) if (event := _first(day))), None)


def _first(events: pl.LazyFrame) -> datetime | None:
    first: datetime | None = events.select(pl.col("ts").min()).collect().item()
    return first


def _finding(name: str, value: float, measure: Measure) -> Finding | None:
    misses: Callable[[float, float], bool] = operator.gt if measure.is_at_most else operator.lt
    if not misses(value, measure.wanted):
        return None
    is_critical = misses(value, measure.needed)
    threshold = measure.needed if is_critical else measure.wanted
    return Finding(
        name=name,
        severity="critical" if is_critical else "warning",
        value=value,
        threshold=threshold,
        message=measure.says.format(value=f"{value:,g}", limit=_limit(threshold, measure, is_critical=is_critical)),
        advice=measure.advice,
    )


def _limit(threshold: float, measure: Measure, *, is_critical: bool) -> str:
    if measure.is_at_most:
        return f"at most {threshold:,g} should"
    return f"{threshold:,g} {'needed' if is_critical else 'wanted'}"
