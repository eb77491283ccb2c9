"""Who an event belongs to: anonymous ids that logged in are merged with their user.

Links are derived from the events themselves, whenever they are read: an event that carries both ids says so. Merging
twice is merging once, and history is never rewritten. An anonymous id that was seen with more than one user is a shared
device and stays anonymous, so that nobody is shown what somebody else looked at; so does one that is another user's id.

What people decide beside that stands in a log that is only appended to, the record ``identity`` of the tenant: a link
that it names counts whatever the events say, and one that it takes back is not derived any more. So a merge can be
undone, and who was who at any time can be told.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Literal, NamedTuple

import msgspec
import polars as pl

from data_contracts.errors import BlobChanged, ContractError
from data_contracts.records import Id, Timestamp
from recsys_pipelines.lake import Lake

RECORD = "identity"
_ATTEMPTS = 5  # writers who meet at the same record try again


class InvalidLink(ContractError):
    """What was said about an anonymous id and a user is no entry of the log."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody said that an anonymous id belongs to a user, or that it does not."""

    anonymous_id: Id
    user_id: Id
    action: Literal["link", "unlink"]
    at: Timestamp
    by: str
    reason: str


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was said, in the order in which it was."""

    entries: tuple[Entry, ...] = ()


class Known(NamedTuple):
    """What is known beside the events: user by anonymous id, pairs that are not to be linked, and ids of users."""

    linked: Mapping[str, str]
    unlinked: frozenset[tuple[str, str]]
    users: pl.Series


NOTHING = Known({}, frozenset(), pl.Series("user_id", [], pl.String))


def links(events: pl.DataFrame, known: Known = NOTHING) -> pl.DataFrame:
    """Which user an anonymous id belongs to (anonymous_id, user_id), by anonymous id."""
    pairs = events.select("anonymous_id", "user_id").drop_nulls().unique()
    is_shared = pl.col("anonymous_id").is_duplicated()
    is_user = pl.col("anonymous_id").is_in(_users(events, known).implode())
    is_another = is_user & (pl.col("anonymous_id") != pl.col("user_id"))
    linked, unlinked = _frame(known.linked.items()), _frame(known.unlinked)
    free = pairs.filter(~is_shared & ~is_another).join(linked, on="anonymous_id", how="anti")
    derived = free.join(unlinked, on=["anonymous_id", "user_id"], how="anti")
    return pl.concat([derived, linked]).sort("anonymous_id")


def resolved(events: pl.DataFrame, known: Known = NOTHING) -> pl.DataFrame:
    """The events with ``user_id`` filled in where their anonymous id is linked to one; the rest stays null."""
    found = links(events, known).rename({"user_id": "linked"})
    joined = events.join(found, on="anonymous_id", how="left", maintain_order="left")
    return joined.with_columns(user_id=pl.coalesce("user_id", "linked")).drop("linked")


def persons(events: pl.DataFrame, known: Known = NOTHING) -> pl.DataFrame:
    """The events with, as ``user_id``, the person: the user if known, else the anonymous id, else null.

    An anonymous id that is also some user's id names nobody, be it a user of other events than these. A session is no
    person; a tenant without other ids maps its session column to ``anonymous_id``.
    """
    found = resolved(events, known)
    free = ~pl.col("anonymous_id").is_in(_users(found, known).implode())
    stranger = pl.when(pl.col("user_id").is_null() & free).then("anonymous_id")
    return found.with_columns(user_id=pl.coalesce("user_id", stranger))


def read_known(lake: Lake, tenant: str, day: date) -> Known:
    """What the log says now, and the users of the day."""
    users = lake.scan("users", tenant, [day]).select("user_id").collect()["user_id"]
    return state(read_log(lake, tenant))._replace(users=users)


def state(log: Log, at: datetime | None = None) -> Known:
    """What the log said at that time, or says now. Of what was said of one anonymous id the last word counts."""
    linked: dict[str, str] = {}
    unlinked: set[tuple[str, str]] = set()
    for entry in log.entries:
        if at is not None and entry.at > at:
            continue
        pair = (entry.anonymous_id, entry.user_id)
        if entry.action == "link":
            linked[entry.anonymous_id] = entry.user_id
            unlinked.discard(pair)
        else:
            unlinked.add(pair)
            if linked.get(entry.anonymous_id) == entry.user_id:
                del linked[entry.anonymous_id]
    return NOTHING._replace(linked=linked, unlinked=frozenset(unlinked))


def read_log(lake: Lake, tenant: str) -> Log:
    """The tenant's log, empty before anything was said."""
    return lake.read_json(RECORD, tenant, None, Log) or Log()


def say(lake: Lake, tenant: str, entry: Entry) -> bool:
    """Append to the log; False, and nothing is written, if it says so already.

    Raises ``InvalidLink``, and ``BlobChanged`` if others keep writing at the same time.
    """
    _check(entry)
    for attempt in range(_ATTEMPTS):
        log, tag = lake.read_tagged_json(RECORD, tenant, None, Log)
        entries = log.entries if log else ()
        longer = Log(entries=(*entries, entry))
        if state(longer)[:2] == state(Log(entries=entries))[:2]:
            return False
        try:
            lake.swap_json(RECORD, tenant, None, longer, tag=tag)
        except BlobChanged:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return True
    raise AssertionError("the last attempt returns or raises")


def _check(entry: Entry) -> None:
    try:
        msgspec.convert(msgspec.to_builtins(entry), Entry)
    except msgspec.ValidationError as error:
        raise InvalidLink(f"{entry.anonymous_id!r} and {entry.user_id!r}: {error}") from error


def _users(events: pl.DataFrame, known: Known) -> pl.Series:
    """Every id that is some user's."""
    linked = pl.Series("user_id", [*known.linked.values()], pl.String)
    return pl.concat([events["user_id"].cast(pl.String).drop_nulls().unique(), linked, known.users])


def _frame(pairs: Iterable[tuple[str, str]]) -> pl.DataFrame:
    return pl.DataFrame(sorted(pairs), schema={"anonymous_id": pl.String, "user_id": pl.String}, orient="row")
