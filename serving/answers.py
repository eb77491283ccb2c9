"""Ranked lists, encoded once: what a request gets besides its own id and the time, and a memory of the last of them.

The core is a pure function of bundle and query, and of the time it reads nothing but the UTC day. So whoever asks the
same again on the same day, and every visitor of whom the generation knows nothing, is given what was ranked before.
A test holds this against the core, and against itself without a memory.
"""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime

import msgspec

from data_contracts.records import ExposedItem
from recsys_algo.bundle import Bundle
from recsys_algo.errors import UnknownStrategy
from recsys_algo.rank import recommend, similar
from recsys_algo.situation import Answer
from recsys_algo.stringmap import StringMap
from serving.errors import UnknownType
from serving.queries import recommend_query, similar_query
from serving.requests import KINDS, RecommendRequest, SimilarRequest
from serving.responses import Notice, Traced
from serving.shelf import Served
from serving.shown import notices, places, traced

DAY_S = 86_400
OVERHEAD_BYTES = 1_500  # of a key, a record and its small parts
encode = msgspec.json.Encoder().encode
Form = RecommendRequest | SimilarRequest


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A ranked list. ``items`` is its JSON in answers, ``exposed`` its JSON in the exposure log; ``segment`` is the one
    whose lists were asked, whether the caller named it or it is the user's."""

    items: msgspec.Raw
    exposed: msgspec.Raw
    segment: str
    returned: int
    fallback_level: int
    counts: dict[str, int]
    notices: tuple[Notice, ...]
    trace: Traced | None = None

    @property
    def bytes(self) -> int:
        """About what it takes to remember it."""
        return len(bytes(self.items)) + len(bytes(self.exposed)) + OVERHEAD_BYTES


class Answers:
    """Lists for queries; those that were asked for last are remembered, as long as they fit into ``largest_bytes``."""

    def __init__(self, largest_bytes: int) -> None:
        self._largest_bytes = largest_bytes
        self._bytes = 0
        self._lists: OrderedDict[Hashable, Listed] = OrderedDict()

    def listed(self, served: Served, form: Form, now: datetime) -> Listed:
        """The list for a request of this form (`queries.form_of`). Raises ``UnknownType``."""
        if form.options.include_trace or not self._largest_bytes:
            return _listed(served.bundle, form, now)
        key = _key(served, form, now)
        found = self._lists.get(key)
        if found is None:
            found = _listed(served.bundle, form, now)
            self._remember(key, found)
        else:
            self._lists.move_to_end(key)
        return found

    def _remember(self, key: Hashable, listed: Listed) -> None:
        self._lists[key] = listed
        self._bytes += listed.bytes
        while self._bytes > self._largest_bytes:
            _, forgotten = self._lists.popitem(last=False)
            self._bytes -= forgotten.bytes


def _key(served: Served, form: Form, now: datetime) -> Hashable:
    """All that a list depends on: which generation, which kind of list, the day, and the form."""
    place = served.manifest.tenant, served.manifest.surface
    return served.tag, place, type(form), int(now.timestamp() // DAY_S), encode(form)


def users_of(bundle: Bundle) -> tuple[StringMap, ...]:
    """Everybody of whom the generation knows something: an id that none of these has changes no answer."""
    sources = (bundle.history, bundle.segments, *bundle.seen.values(), *bundle.sources.values())
    return tuple(users for source in sources if (users := getattr(source, "users", None)) is not None)


def _listed(bundle: Bundle, form: Form, now: datetime) -> Listed:
    answer = _similar(bundle, form, now) if isinstance(form, SimilarRequest) else _recommended(bundle, form, now)
    shown = places(answer, bundle, form.options)
    exposed = [ExposedItem(item_id=p.item_id, rank=p.rank, score=p.score, source=p.source) for p in shown]
    return Listed(
        items=msgspec.Raw(encode(shown)),
        exposed=msgspec.Raw(encode(exposed)),
        segment=answer.trace.situation.ask.segment,
        returned=len(shown),
        fallback_level=answer.fallback_level,
        counts=dict(answer.counts),
        notices=notices(answer),
        trace=traced(answer) if form.options.include_trace else None,
    )


def _recommended(bundle: Bundle, form: RecommendRequest, now: datetime) -> Answer:
    try:
        return recommend(bundle, recommend_query(form, now, bundle.ranking.k))
    except UnknownStrategy as error:
        raise UnknownType(str(error)) from error


def _similar(bundle: Bundle, form: SimilarRequest, now: datetime) -> Answer:
    _require_kind(form.kind, bundle)
    return similar(bundle, form.item_ids, similar_query(form, now, bundle.ranking.k), form.kind)


def _require_kind(kind: str, bundle: Bundle) -> None:
    known = {*KINDS, *(name for source in bundle.sources.values() for name in (source.name, source.kind))}
    if not any(name.startswith(kind) for name in known):
        raise UnknownType(f"unknown kind {kind!r}; the kinds are {', '.join(sorted(known))}")
