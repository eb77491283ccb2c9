"""Somebody who is to be forgotten: all ids that are theirs, known by pseudonym, so that no record has to hold them.

Beside the id that they are forgotten by, a person has the anonymous ids and sessions that were seen with it and with
nobody else. An id is compared with ``marks`` by its pseudonym; so whoever searches again later, when nothing links the
ids any more, still finds every one of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from data_contracts.blobs import Blobs
from data_contracts.pseudonym import Pseudonyms
from data_contracts.tombstones import engrave, is_among, read_tombstones
from recsys_pipelines.identity import Log
from recsys_pipelines.lake import Lake

LINKED = ("anonymous_id", "session_id")


@dataclass(frozen=True)
class Person:
    """``name`` is the pseudonym of the id they are forgotten by; ``spelled`` are the ids that are known in clear."""

    tenant: str
    name: str
    spelled: frozenset[str]
    marks: frozenset[str]
    pseudonyms: Pseudonyms
    _known: dict[str, bool] = field(default_factory=dict, repr=False)

    def has(self, id: object) -> bool:
        """Whether a value is one of their ids, as a source, the lake, or a log of pseudonyms has it."""
        if not isinstance(id, str) or not id:
            return False
        if id not in self._known:
            self._known[id] = id in self.marks or is_among(id, self.marks, self.pseudonyms)
        return self._known[id]

    def among(self, ids: Iterable[object]) -> list[str]:
        """Those of the values that are theirs."""
        return [id for id in ids if isinstance(id, str) and self.has(id)]


def known_as(store: Blobs, tenant: str, user: str, pseudonyms: Pseudonyms) -> Person:
    """The person as far as the id itself and the tombstones tell. Nothing is changed."""
    name = pseudonyms.of(user)
    found = read_tombstones(store, tenant)
    assert found is not None  # no tag was given that it could still have
    buried = found.tombstones.people.get(name)
    marks = {name, pseudonyms.of(name), *(buried.marks if buried else ())}  # the second: an id that the lake has hashed
    return Person(tenant, name, frozenset({user, name}), frozenset(marks), pseudonyms)


def with_links(person: Person, lake: Lake) -> Person:
    """The person with the ids that the lake's events, and what people said of them, link to theirs."""
    linked = linked_ids(lake, person)
    marks = {person.pseudonyms.of(id) for id in linked}
    return Person(person.tenant, person.name, person.spelled | linked, person.marks | marks, person.pseudonyms)


def bury(store: Blobs, person: Person, now: datetime) -> bool:
    """Write the tombstone; False if it was there already. From here on the server knows the person no more."""
    key_id = person.pseudonyms.key_id
    return engrave(store, person.tenant, person.name, person.marks, now=now, key_id=key_id)


def linked_ids(lake: Lake, person: Person) -> frozenset[str]:
    """Anonymous ids and sessions that were seen with the person, with no other user, and that are no user's own id."""
    parts = [*lake.parts("events", person.tenant), *lake.parts("staged_events", person.tenant)]
    said = _said(lake, person)
    if not parts:
        return said
    is_own = pl.col("user_id").is_in(sorted(person.spelled))
    found = [_seen_with(lake.scan_parts([part], person.tenant), is_own) for part in parts]
    seen = set(pl.concat(found)["id"]) | said
    shared = {id for part in parts for id in _of_others(lake.scan_parts([part], person.tenant), is_own, seen)}
    return frozenset(seen - shared - person.spelled)


def _seen_with(events: pl.LazyFrame, is_own: pl.Expr) -> pl.DataFrame:
    rows = events.filter(is_own).select(*LINKED).collect()
    return pl.concat([rows.select(id=name) for name in LINKED]).drop_nulls().unique()


def _of_others(events: pl.LazyFrame, is_own: pl.Expr, seen: set[str]) -> set[str]:
    """Those of the ids that another user was seen with, or bears."""
    names = ("user_id", *LINKED)
    others = events.filter(~is_own, pl.any_horizontal(pl.col(*names).is_in(sorted(seen))))
    rows = others.select(*names).unique().collect()
    return {id for name in names for id in rows[name].drop_nulls()} & seen


def _said(lake: Lake, person: Person) -> frozenset[str]:
    """What the identity log links to the person."""
    log = lake.read_json("identity", person.tenant, None, Log) or Log()
    last = {(entry.anonymous_id, entry.user_id): entry.action for entry in log.entries if person.has(entry.user_id)}
    return frozenset(anonymous for (anonymous, _), action in last.items() if action == "link")
