"""Strategies: which sources a request asks. They are chosen by shape, and only where the shape cannot say it (what is
trending is a list like what is popular) by the artifact's name or kind.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from recsys_algo.bundle import Bundle
from recsys_algo.candidates import DEFAULT_SEGMENT, Source, UserItems
from recsys_algo.errors import UnknownStrategy
from recsys_algo.fallback import Newest, is_popularity
from recsys_algo.shares import Shares, even, is_called, of_segment, weighed
from recsys_algo.situation import Query


class Plan(NamedTuple):
    """What to ask, and how.

    ``personal``: the caller expects evidence about the user or the anchors. ``similar``: directions of vectors count,
    not their length. ``repeats``: what the user had is wanted, not unwanted. ``as_configured``: it is the
    list that the surface configures: a second stage has its say, as the sources are those that it learned from, and
    the places that are kept for new items are.
    """

    shares: Shares
    personal: bool = True
    similar: bool = False
    repeats: bool = False
    as_configured: bool = False


def planned(bundle: Bundle, query: Query) -> Plan:
    """What the query's strategy asks of this bundle. Raises ``UnknownStrategy``."""
    name = query.strategy or "personalized"
    if name not in STRATEGIES:
        raise UnknownStrategy(name, STRATEGIES)
    return STRATEGIES[name](bundle, query)


def alike(bundle: Bundle, query: Query, kind: str) -> Plan:
    """The sources of similar items. ``auto`` weighs them as the surface does, or else asks all item neighbours, or
    else all vectors; any other kind is a shape, or (the beginning of) the name or kind of an artifact.
    """
    weights = query.weights or (bundle.ranking.similar_weights if kind == "auto" else None)
    if weights:
        return Plan(weighed(bundle.sources, weights, query.segment), similar=True)
    for shape in ("item_neighbors", "vectors") if kind == "auto" else (kind,):
        if sources := _shaped(bundle, query, shape):
            return Plan(even(sources), similar=True)
    if kind == "auto":
        return Plan(Shares((), ("similar items",)), similar=True)
    return Plan(weighed(bundle.sources, {kind: 1.0}, query.segment), similar=True)


def _personalized(bundle: Bundle, query: Query) -> Plan:
    if query.weights is None and query.segment == DEFAULT_SEGMENT:
        return Plan(bundle.shares, as_configured=True)
    weights = bundle.weights if query.weights is None else query.weights
    return Plan(weighed(bundle.sources, weights, query.segment), as_configured=query.weights is None)


def _popular(bundle: Bundle, query: Query) -> Plan:
    lists = _shaped(bundle, query, "item_scores")
    popular = [source for source in lists if is_popularity(source)]
    return Plan(_configured(bundle, query, popular, "popularity"), personal=False)


def _trending(bundle: Bundle, query: Query) -> Plan:
    lists = _shaped(bundle, query, "item_scores")
    trending = [source for source in lists if is_called(source, "trending")]
    return Plan(_configured(bundle, query, trending, "trending"), personal=False)


def _latest(bundle: Bundle, query: Query) -> Plan:
    return Plan(even([Newest(bundle.catalog)]), personal=False)


def _similar(bundle: Bundle, query: Query) -> Plan:
    return alike(bundle, query, "auto")


def _also_bought(bundle: Bundle, query: Query) -> Plan:
    return Plan(_configured(bundle, query, _shaped(bundle, query, "item_neighbors"), "item neighbours"))


def _buy_again(bundle: Bundle, query: Query) -> Plan:
    """What is due, where an artifact says so of this user; otherwise what was bought, the newest first."""
    lists = [source for source in _shaped(bundle, query, "user_items") if is_called(source, "buy_again")]
    due = [source for source in lists if isinstance(source, UserItems) and source.row(query.subjects) is not None]
    if due:
        return Plan(even(due), repeats=True)
    past = bundle.seen.get("purchase") or bundle.history
    return Plan(Shares((), ("purchases",)) if past is None else even([past]), repeats=True)


def _shaped(bundle: Bundle, query: Query, shape: str) -> list[Source]:
    return [source for source in of_segment(bundle.sources, query.segment).values() if source.shape == shape]


def _configured(bundle: Bundle, query: Query, sources: list[Source], wanted: str) -> Shares:
    """These sources by the weights of the query or of the surface; all the same if none of them has any."""
    weights = bundle.ranking.weights if query.weights is None else query.weights
    own = {source.name: weights.get(source.name.partition("@")[0], 0.0) for source in sources}
    if any(weight > 0 for weight in own.values()):
        return weighed({source.name: source for source in sources}, own, query.segment)
    return even(sources) if sources else Shares((), (wanted,))


STRATEGIES: Mapping[str, Callable[[Bundle, Query], Plan]] = {
    "personalized": _personalized,
    "popular": _popular,
    "trending": _trending,
    "latest": _latest,
    "similar": _similar,
    "also_bought": _also_bought,
    "buy_again": _buy_again,
}
