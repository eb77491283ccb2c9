"""Users as the tenant wants them known: traits that are allowed, with defaults, what they like best, and a segment.

Traits are a flat JSON object of texts, numbers and truths. What is nested, and what the policy does not allow, is left
out and counted; keys are sorted, so that the same traits are the same text.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import msgspec
import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.policies import LEARNED_TRAIT, UserPolicy
from recsys_pipelines.features.activity import activity, pairs
from recsys_pipelines.features.affinities import affinities
from recsys_pipelines.identity import read_log, state
from recsys_pipelines.lake import Lake

SEPARATOR = "|"  # between the categories that a user likes best, the best first
_NOBODY = pl.Schema({"user_id": pl.String(), "names": pl.List(pl.String)})

Traits = dict[str, str | float | bool]


class UserReport(msgspec.Struct, frozen=True, kw_only=True):
    """The users of one day; ``repairs`` counts traits that were left out, and texts that were no traits at all."""

    day: date
    users: int
    with_preferences: int
    segments: dict[str, int]
    repairs: dict[str, int]


class Known(NamedTuple):
    """Users (columns of ``tables.USERS``), and what was left out of their traits."""

    users: pl.DataFrame
    repairs: dict[str, int]


def known_by(users: pl.DataFrame, policy: UserPolicy, preferred: pl.DataFrame) -> Known:
    """The users with the traits of the policy; ``preferred`` are the categories of some of them (user_id, names).

    A trait that the source gives counts before what was learned, and that before a default. Time grows with the users,
    each of whose texts is read.
    """
    counts: Counter[str] = Counter()
    likes = users.select("user_id").join(preferred, on="user_id", how="left", maintain_order="left")["names"]
    found = [_traits(text, policy, names, counts) for text, names in zip(users["traits"], likes.to_list(), strict=True)]
    texts = pl.Series("traits", [_text(traits) for traits in found], pl.String)
    segment = pl.Series([_segment(traits, policy.segment_by) for traits in found], dtype=pl.String)
    named = users.with_columns(traits=texts, segment=pl.coalesce("segment", segment))
    return Known(named, dict(sorted(counts.items())))


def preferred_categories(document: TenantDocument, lake: Lake, users: pl.DataFrame, day: date) -> pl.DataFrame:
    """What each user likes best (user_id, names: the best first) by the weight of their events until the day's end.

    Streams the events of the window; memory grows with the distinct pairs of person and item in it. Events are those
    of the users themselves and of the anonymous ids that are theirs.
    """
    most = document.users.preferred_categories
    if not most or users.is_empty():
        return pl.DataFrame(schema=_NOBODY)
    tenant, window = document.tenant, document.interactions.window_days
    first = day - timedelta(days=window - 1)
    events = lake.scan("events", tenant, [each for each in lake.days("events", tenant) if first <= each <= day])
    end = datetime.combine(day, time(), UTC) + timedelta(days=1)
    who = state(read_log(lake, tenant))._replace(users=users["user_id"])
    items = lake.read("items", tenant, day)
    met = pairs(activity(events, end, [window], known=who), items)
    found = affinities(met, items, document.interactions.weights, by="category", most=most)
    return found.select("user_id", "names")


def unlearned(users: pl.DataFrame) -> pl.DataFrame:
    """Users that were made before, without what was learned of them then."""
    given = [_object(text, Counter()) for text in users["traits"]]
    texts = [_text({name: value for name, value in traits.items() if name != LEARNED_TRAIT}) for traits in given]
    return users.with_columns(traits=pl.Series("traits", texts, pl.String))


def user_report(known: Known, preferred: pl.DataFrame, day: date) -> UserReport:
    """The report of users that were just made."""
    users = known.users
    segments = users.drop_nulls("segment").group_by("segment").len().sort("segment")
    return UserReport(
        day=day,
        users=users.height,
        with_preferences=users.join(preferred, on="user_id", how="semi").height,
        segments=dict(segments.iter_rows()),
        repairs=known.repairs,
    )


def _traits(text: str | None, policy: UserPolicy, names: Iterable[str] | None, counts: Counter[str]) -> Traits:
    given = _allowed(_object(text, counts), policy.allowed_traits, counts)
    learned = {LEARNED_TRAIT: SEPARATOR.join(names)} if names else {}
    return {**policy.trait_defaults, **learned, **given}


def _object(text: str | None, counts: Counter[str]) -> Mapping[str, Any]:
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        counts["traits_unreadable"] += 1
        return {}


def _allowed(traits: Mapping[str, Any], allowed: tuple[str, ...], counts: Counter[str]) -> Traits:
    said = {name: value for name, value in traits.items() if value is not None}
    flat = {name: value for name, value in said.items() if isinstance(value, str | int | float | bool)}
    kept = {name: value for name, value in flat.items() if not allowed or name in allowed}
    counts["traits_nested"] += len(said) - len(flat)
    counts["traits_not_allowed"] += len(flat) - len(kept)
    return kept


def _text(traits: Mapping[str, Any]) -> str | None:
    return msgspec.json.encode(traits, order="deterministic").decode() if traits else None


def _segment(traits: Traits, name: str | None) -> str | None:
    value = traits.get(name) if name else None
    return None if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()
