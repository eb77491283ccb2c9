"""A query meets a bundle: ids become indices, defaults become values, sets become masks. The result is a Situation."""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np

from data_contracts.documents import ExcludeSeen, NewItems
from recsys_algo.arrays import Array
from recsys_algo.bundle import Bundle
from recsys_algo.candidates import DEFAULT_SEGMENT, EDITORIAL, Ask
from recsys_algo.caps import Caps, capped
from recsys_algo.catalog import EPOCH, MICROSECOND, Catalog
from recsys_algo.situation import Constraints, Price, Query, Reserve, Situation, Warning
from recsys_algo.slate import NO_ITEMS, NO_KEYS, Items, Mask, Pool
from recsys_algo.strategies import Plan
from recsys_algo.vectors import Vectors

POOL_FACTOR, SMALLEST_POOL = 5, 200  # candidates per source before filters: so many times k, and at least so many
LISTED = 20  # ids that a warning names
DAY_S = 86_400
DAY_US = 86_400_000_000
DEAREST = np.iinfo(np.int64).max


def situated(bundle: Bundle, query: Query, plan: Plan) -> Situation:
    """The situation of this query. Raises ``ValueError`` for a ``k`` below 1 and a ``now`` without time zone."""
    if query.k < 1:
        raise ValueError(f"k is {query.k}; at least 1 item can be asked for")
    if query.now.tzinfo is None:
        raise ValueError(f"now is {query.now.isoformat()}, without a time zone; times are aware")
    catalog, ranking, wanted = bundle.catalog, bundle.ranking, query.constraints
    subjects = query.subjects
    anchors = _anchors(bundle, query, subjects)
    window = max(POOL_FACTOR * query.k, SMALLEST_POOL)
    injected = _injected(catalog, query.include_ids) if query.include_ids else None
    dedupe = _default(wanted.dedupe_parent, ranking.dedupe_parent)
    mmr_lambda = _default(query.mmr_lambda, ranking.diversity.mmr_lambda)
    return Situation(
        bundle=bundle,
        query=query,
        catalog=catalog,
        k=query.k,
        window=window,
        ask=Ask(
            subjects, _segment(bundle, query, subjects), anchors.items, anchors.weights, window, cosine=plan.similar
        ),
        voices=plan.shares.voices,
        injected=injected,
        included=catalog.mask(injected.items) if injected and query.include_mode == "restrict" else None,
        excluded=_excluded(catalog, query, anchors.items) if query.exclude_ids or query.anchors else None,
        seen=None if plan.repeats else _seen(bundle, query, subjects),
        available_only=_default(wanted.available_only, ranking.available_only) and not catalog.all_available,
        tagged=_tagged(catalog, wanted),
        price=None if wanted.price_between is None else _price(catalog, wanted.price_between, wanted.currency),
        created_after=None if wanted.created_after is None else int((wanted.created_after - EPOCH) // MICROSECOND),
        blocked=bundle.blocked,
        dedupe_parent=dedupe,
        taken=frozenset(catalog.group[anchors.items].tolist()) if dedupe and query.anchors else frozenset(),
        caps=_caps(bundle, wanted),
        min_brands=query.min_brands or 0,
        mmr_lambda=mmr_lambda,
        ranker=bundle.ranker if plan.as_configured and not (injected and query.include_mode == "inject") else None,
        reserve=_reserve(ranking.new_items, query) if ranking.new_items and plan.as_configured else None,
        penalties=bundle.penalties,
        vectors=_vectors(bundle) if mmr_lambda < 1 else None,
        warnings=tuple(_warnings(anchors.unknown, plan.shares.missing)),
    )


def _segment(bundle: Bundle, query: Query, subjects: tuple[str, ...]) -> str:
    """The one that the caller names, or else the one that the user is known to be in."""
    named = query.segment or DEFAULT_SEGMENT
    return named if bundle.segments is None or named != DEFAULT_SEGMENT else bundle.segments.of_user(subjects)


class _Anchors(NamedTuple):
    items: Items
    weights: Array
    unknown: tuple[str, ...] = ()


_NO_ANCHORS = _Anchors(NO_KEYS, np.zeros(0))


def _anchors(bundle: Bundle, query: Query, subjects: tuple[str, ...]) -> _Anchors:
    """The items of the visit with the caller's weights, or else what weighs most of the user's past."""
    if not query.anchors:
        past = bundle.history.row(subjects) if bundle.history and bundle.ranking.history_items else None
        most = bundle.ranking.history_items
        return _NO_ANCHORS if past is None else _Anchors(past[0][:most].astype(np.int64), past[1][:most])
    ids = list(dict.fromkeys(query.anchors))
    items = [bundle.catalog.ids.find(id) for id in ids]
    unknown = tuple([id for id, item in zip(ids, items, strict=True) if item < 0])
    weights = [query.anchor_weights.get(id, 1.0) for id, item in zip(ids, items, strict=True) if item >= 0]
    return _Anchors(np.array([item for item in items if item >= 0], np.int64), np.array(weights), unknown)


def _known(catalog: Catalog, ids: tuple[str, ...]) -> Items:
    items = catalog.ids.find_all(list(dict.fromkeys(ids)))
    return items[items >= 0]


def _injected(catalog: Catalog, ids: tuple[str, ...]) -> Pool:
    return Pool("include", EDITORIAL, "requested", _known(catalog, ids))


def _excluded(catalog: Catalog, query: Query, anchors: Items) -> Mask:
    mask = catalog.mask(_known(catalog, query.exclude_ids)) if query.exclude_ids else None
    return catalog.mask(anchors if query.anchors else NO_ITEMS, mask)


def _seen(bundle: Bundle, query: Query, subjects: tuple[str, ...]) -> Mask | None:
    """What the user had by an event of the unwanted types, on that many days before now or later."""
    asked = query.constraints.exclude_seen
    rule: ExcludeSeen | None = bundle.ranking.exclude_seen if isinstance(asked, msgspec.UnsetType) else asked
    if rule is None:
        return None
    first_day = query.now.timestamp() // DAY_S - rule.days
    mask = None
    for type in rule.types:
        past = bundle.seen[type].row(subjects) if type in bundle.seen else None
        if past is not None:
            recent = np.count_nonzero(past[1] >= first_day)  # the newest come first
            mask = bundle.catalog.mask(past[0][:recent], mask)
    return mask


def _tagged(catalog: Catalog, wanted: Constraints) -> Mask | None:
    if not (wanted.include_tags_any or wanted.include_tags_all or wanted.exclude_tags_any):
        return None
    masks = [catalog.any_tagged([tag]) for tag in wanted.include_tags_all]
    if wanted.include_tags_any:
        masks.append(catalog.any_tagged(wanted.include_tags_any))
    tagged: Mask = np.logical_and.reduce([*masks, ~catalog.any_tagged(wanted.exclude_tags_any)])
    return tagged


def _price(catalog: Catalog, between: tuple[int | None, int | None], currency: str | None) -> Price:
    low, high = between
    # A currency that no item has is a word that no item has: -2, as -1 stands for items without one.
    word = None if currency is None else catalog.word(currency)
    return Price(low or 0, DEAREST if high is None else high, -2 if word == -1 else word)


def _caps(bundle: Bundle, wanted: Constraints) -> Caps | None:
    if wanted.max_per_brand is None and wanted.max_per_category is None and not wanted.max_per_tag:
        return bundle.caps
    ranking = bundle.ranking
    brand = _default(wanted.max_per_brand, ranking.max_per_brand)
    category = _default(wanted.max_per_category, ranking.max_per_category)
    return capped(bundle.catalog, brand, category, {**ranking.max_per_tag, **wanted.max_per_tag})


def _reserve(rule: NewItems, query: Query) -> Reserve:
    until = int((query.now - EPOCH) // MICROSECOND)
    return Reserve(rule.share, until - int(rule.days * DAY_US), until)


def _vectors(bundle: Bundle) -> Vectors | None:
    return next((source for source in bundle.sources.values() if isinstance(source, Vectors)), None)


T = TypeVar("T")


def _default(asked: T | None, otherwise: T) -> T:
    return otherwise if asked is None else asked


def _warnings(unknown: tuple[str, ...], missing: tuple[str, ...]) -> Iterator[Warning]:
    if unknown:
        yield Warning("UNKNOWN_ITEM", f"{len(unknown)} anchors are not in the catalog: {', '.join(unknown[:LISTED])}")
    if missing:
        yield Warning("SIGNAL_UNAVAILABLE", f"nothing in this generation serves {', '.join(missing)}")
