"""What a caller asks, all that the answer may depend on, and the answer.

``Query`` speaks in ids and is what a server or an evaluation makes; an ``Answer`` is a pure function of it and of the
bundle: no clock, no random state, no counter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal, NamedTuple

import msgspec

from data_contracts.documents import ExcludeSeen
from recsys_algo.blend import Blend, Voice
from recsys_algo.bundle import Bundle
from recsys_algo.candidates import Ask, Source
from recsys_algo.caps import Caps
from recsys_algo.catalog import Catalog
from recsys_algo.penalties import Penalties
from recsys_algo.ranker import Ranker
from recsys_algo.slate import Mask, Pool, Slate
from recsys_algo.vectors import Vectors

WarningCode = Literal[
    "FALLBACK_USED",
    "CONSTRAINTS_FILTERED",
    "CANDIDATES_INCLUDE_FILTERED",
    "CANDIDATES_INCLUDE_EMPTY",
    "SHORT_LIST",
    "SIGNAL_UNAVAILABLE",
    "UNKNOWN_ITEM",
]


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """What an item must fulfil to be returned. Where a default is None or unset, the surface's ranking decides.

    ``price_between`` is in minor units, both ends included and open where None; an item without a price does not
    fulfil it, nor one in another ``currency``, if that is given. Tags are compared in lower case.
    """

    include_tags_any: tuple[str, ...] = ()
    include_tags_all: tuple[str, ...] = ()
    exclude_tags_any: tuple[str, ...] = ()
    price_between: tuple[int | None, int | None] | None = None
    currency: str | None = None
    available_only: bool | None = None
    created_after: datetime | None = None
    max_per_tag: Mapping[str, int] = field(default_factory=dict)
    max_per_brand: int | None = None
    max_per_category: int | None = None
    exclude_seen: ExcludeSeen | msgspec.UnsetType | None = msgspec.UNSET
    dedupe_parent: bool | None = None


UNCONSTRAINED = Constraints()


@dataclass(frozen=True, kw_only=True)
class Query:
    """One request for ``k`` items. ``now`` (aware) is the clock of everything that has an age.

    ``anchors`` are the items of the visit (the page, the basket): neighbours of theirs are wanted, they themselves are
    not. Without anchors the user's own history serves. The default ``segment`` gives way to that of a known user.
    ``weights`` replace those of the surface: only these are asked.
    ``include_ids`` restrict the answer to themselves, or with ``inject`` compete in it in the order given.
    """

    k: int
    now: datetime
    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    segment: str = "default"
    strategy: str | None = None
    anchors: tuple[str, ...] = ()
    anchor_weights: Mapping[str, float] = field(default_factory=dict)
    include_ids: tuple[str, ...] = ()
    include_mode: Literal["restrict", "inject"] = "restrict"
    exclude_ids: tuple[str, ...] = ()
    constraints: Constraints = UNCONSTRAINED
    weights: Mapping[str, float] | None = None
    mmr_lambda: float | None = None
    min_brands: int | None = None
    seed: int = 0

    @property
    def subjects(self) -> tuple[str, ...]:
        """The ids under which the user may be known, best first."""
        return tuple([id for id in (self.user_id, self.anonymous_id, self.session_id) if id])


class Warning(NamedTuple):
    """Something the caller should know about a good answer; ``code`` is one of the API's."""

    code: WarningCode
    detail: str


class Price(NamedTuple):
    """A range in minor units, both ends included; ``currency`` is a word of the catalog, None accepts any."""

    low: int
    high: int
    currency: int | None


class Reserve(NamedTuple):
    """The share of the places that is kept for items created from ``since`` to ``until`` (microseconds since 1970).

    Items that are candidates for these places alone score below zero, as what a fallback filled in does; ``filled``
    says that it is the latter.
    """

    share: float
    since: int
    until: int
    filled: bool = False


class Situation(msgspec.Struct, frozen=True, eq=False, kw_only=True):  # made for every request: a tenth of a dataclass
    """All that a ranking may depend on, resolved: ids are indices, defaults are values, sets are masks over items.

    A mask or limit that is None has nothing to say here, and its stage passes the slate on as it is.
    """

    bundle: Bundle
    query: Query
    catalog: Catalog
    k: int
    window: int  # how many candidates a source is asked for, and how many the selection compares
    ask: Ask
    voices: tuple[tuple[Source, Voice], ...]
    injected: Pool | None = None
    included: Mask | None = None
    excluded: Mask | None = None
    seen: Mask | None = None
    available_only: bool = True
    tagged: Mask | None = None
    price: Price | None = None
    created_after: int | None = None
    blocked: Mask | None = None
    dedupe_parent: bool = True
    taken: frozenset[int] = frozenset()  # parent groups of the anchors
    caps: Caps | None = None
    min_brands: int = 0
    mmr_lambda: float = 1.0
    reserve: Reserve | None = None
    ranker: Ranker | None = None  # what orders the candidates anew
    penalties: Penalties | None = None  # what lowers the scores of items that turned out badly
    vectors: Vectors | None = None  # what likeness is measured by; None: tags
    warnings: tuple[Warning, ...] = ()


@dataclass(frozen=True, eq=False)
class Trace:
    """How an answer came about: what each source proposed, and the slate after each stage, by the stage's name.

    ``pools`` and ``voices`` go together; the last ``rungs`` pools are of the fallback ladder and have no voice.
    """

    situation: Situation
    pools: tuple[Pool, ...]
    voices: tuple[Voice, ...]
    blend: Blend
    steps: tuple[tuple[str, Slate], ...]
    rungs: int = 0

    def signals(self, item: int) -> dict[str, float]:
        """What each source that proposed the item gave to its score, largest first; a rung gives nothing to it.

        A second stage gives (``second_stage``) or takes what the item's new place is worth more or less than its old;
        penalties (``penalties.KIND``, below zero) take from what is there then.
        """
        found: dict[str, float] = {}
        for number, pool in enumerate(self.pools):
            rank = self._ranks[number].get(item)
            if rank is not None:
                found[pool.source] = self.voices[number].score(rank) if number < len(self.voices) else 0.0
        if item in self._gains:
            found["second_stage"] = self._gains[item]
        found |= self.penalties(item)
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))

    def penalties(self, item: int) -> dict[str, float]:
        """What each kind of bad outcome took from the item's score, as numbers below zero by ``penalties.KIND``."""
        if self.situation.penalties is None or item not in self._unpenalized:
            return {}
        return self.situation.penalties.taken(item, self._unpenalized[item])

    def reasons(self, item: int) -> tuple[str, ...]:
        """Why the item is there, strongest first: kinds of evidence, `diversity` or `new_item` if it was
        moved up for that."""
        reason_of = {pool.source: pool.reason for pool in self.pools}
        reasons = [reason_of[source] for source in self.signals(item) if source in reason_of]
        moved = (("diversity", self._moved_up), ("new_item", self._let_in))
        return tuple(dict.fromkeys([*reasons, *(why for why, items in moved if item in items)]))

    @cached_property
    def _ranks(self) -> tuple[dict[int, int], ...]:
        return tuple({item: rank for rank, item in enumerate(pool.items.tolist())} for pool in self.pools)

    @cached_property
    def _gains(self) -> dict[int, float]:
        """By how much the second stage changed each item's score; nothing where there is none."""
        slates = dict(self.steps)
        if "second_stage" not in slates:
            return {}
        before = dict(zip(*(column.tolist() for column in slates["drop_blocked"]), strict=True))
        after = slates["second_stage"]
        return {i: round(s - before[i], 6) for i, s in zip(after.items.tolist(), after.scores.tolist(), strict=True)}

    @cached_property
    def _unpenalized(self) -> dict[int, float]:
        """The score of every item before penalties."""
        slates = dict(self.steps)
        before = slates.get("second_stage", slates["drop_blocked"])
        return dict(zip(*(column.tolist() for column in before), strict=True))

    @cached_property
    def _moved_up(self) -> frozenset[int]:
        if self.situation.mmr_lambda >= 1:
            return frozenset()
        slates = dict(self.steps)
        after = slates["select"].items[: self.situation.k].tolist()
        before = slates.get("penalize", slates.get("second_stage", slates["drop_blocked"]))
        return frozenset(after).difference(before.items[: len(after)].tolist())

    @cached_property
    def _let_in(self) -> frozenset[int]:
        """What is there because places are kept for new items."""
        if self.situation.reserve is None:
            return frozenset()
        slates = dict(self.steps)
        return frozenset(slates["reserve_new"].items.tolist()).difference(
            slates["select"].items[: self.situation.k].tolist()
        )


class RankedItem(msgspec.Struct, frozen=True, eq=False, gc=False):  # no cycles, and 20 objects fewer to track
    """One place of an answer. ``source`` gave most to its score; reasons and signals are read off the trace."""

    item_id: str
    rank: int
    score: float
    source: str
    index: int
    trace: Trace

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is here, strongest first, in the vocabulary of the API."""
        return self.trace.reasons(self.index)

    @property
    def signals(self) -> dict[str, float]:
        """What each source gave to its score, largest first."""
        return self.trace.signals(self.index)

    def _values(self) -> tuple[object, ...]:
        return (self.item_id, self.rank, self.score, self.source, self.reasons, self.signals)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RankedItem) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((self.item_id, self.rank, self.score, self.source))

    def __repr__(self) -> str:
        return f"RankedItem({self.rank}: {self.item_id!r}, {self.score}, {self.source!r})"


@dataclass(frozen=True)
class Answer:
    """What is returned, best first, and what it stands on.

    ``fallback_level`` is the strongest evidence that any returned item has: 0 the user's own list or vector, 1 the
    session's or history's items, 2 a segment's list, 3 popularity on the surface, 4 popularity at the tenant, 5 the
    newest items, 6 a list made by hand, 7 nothing. ``counts``: retrieved, after_exclude, after_filter, after_rules,
    returned.
    """

    items: tuple[RankedItem, ...]
    fallback_level: int
    counts: Mapping[str, int]
    warnings: tuple[Warning, ...]
    trace: Trace = field(compare=False, repr=False)
