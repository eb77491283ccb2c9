"""What a caller asks, all that the answer may depend on, and the answer.

``Query`` speaks in ids and is what a server or an evaluation makes; an ``Answer`` is a pure function of it and of the
bundle: no clock, no random state, no counter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from data_contracts.documents import ExcludeSeen


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


@dataclass(frozen=True, kw_only=True)
class Query:
    """One request for ``k`` items. ``now`` is the clock of everything that has an age.

    ``anchors`` are the items of the visit (the page, the basket): neighbours of theirs are wanted, they themselves are
    not. Without anchors the user's own history serves. ``weights`` replace those of the surface: only these are asked.
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
    constraints: Constraints = field(default_factory=Constraints)
    weights: Mapping[str, float] | None = None
    mmr_lambda: float | None = None
    min_brands: int | None = None
    seed: int = 0
