"""Strategies: which sources a request asks, and what share each has. Sources are chosen by shape, and only where the
shape cannot say it (what is trending is a list like what is popular) by the artifact's name or kind.

A weight or a ``kind`` may name an artifact, or begin the name or kind of some: `cooc` asks `cooccurrence`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from recsys_algo.bundle import Bundle
from recsys_algo.candidates import DEFAULT_SEGMENT, Source
from recsys_algo.errors import UnknownStrategy
from recsys_algo.fallback import Newest
from recsys_algo.situation import Query

Shares = tuple[tuple[Source, float], ...]
NOT_POPULAR = ("trending", "latest")


class Plan(NamedTuple):
    """The sources to ask with their shares (they add up to 1), and what was wanted but is not in the bundle.

    ``personal``: the caller expects evidence about the user or the anchors. ``similar``: directions of vectors count,
    not their length. ``repeats``: what the user had is wanted, not unwanted.
    """

    shares: Shares
    missing: tuple[str, ...] = ()
    personal: bool = True
    similar: bool = False
    repeats: bool = False


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
        return _weighed(bundle, query, weights)._replace(similar=True)
    for shape in ("item_neighbors", "vectors") if kind == "auto" else (kind,):
        plan = _even(source for source in _of_segment(bundle, query) if source.shape == shape)
        if plan.shares:
            return plan._replace(similar=True)
    if kind == "auto":
        return Plan((), ("similar items",), similar=True)
    return _weighed(bundle, query, {kind: 1.0})._replace(similar=True)


def _personalized(bundle: Bundle, query: Query) -> Plan:
    return _weighed(bundle, query, bundle.ranking.weights if query.weights is None else query.weights)


def _popular(bundle: Bundle, query: Query) -> Plan:
    lists = [source for source in _of_segment(bundle, query) if source.shape == "item_scores"]
    plain = [source for source in lists if not any(_is_called(source, name) for name in NOT_POPULAR)]
    return _configured(bundle, query, plain, "popularity")._replace(personal=False)


def _trending(bundle: Bundle, query: Query) -> Plan:
    lists = [source for source in _of_segment(bundle, query) if source.shape == "item_scores"]
    trending = [source for source in lists if _is_called(source, "trending")]
    return _configured(bundle, query, trending, "trending")._replace(personal=False)


def _latest(bundle: Bundle, query: Query) -> Plan:
    return Plan(((Newest(bundle.catalog), 1.0),), personal=False)


def _similar(bundle: Bundle, query: Query) -> Plan:
    return alike(bundle, query, "auto")


def _also_bought(bundle: Bundle, query: Query) -> Plan:
    neighbors = [source for source in _of_segment(bundle, query) if source.shape == "item_neighbors"]
    return _configured(bundle, query, neighbors, "item neighbours")


def _buy_again(bundle: Bundle, query: Query) -> Plan:
    past = bundle.seen.get("purchase") or bundle.history
    plan = Plan((), ("purchases",)) if past is None else Plan(((past, 1.0),))
    return plan._replace(repeats=True)


STRATEGIES: Mapping[str, Callable[[Bundle, Query], Plan]] = {
    "personalized": _personalized,
    "popular": _popular,
    "trending": _trending,
    "latest": _latest,
    "similar": _similar,
    "also_bought": _also_bought,
    "buy_again": _buy_again,
}


def _of_segment(bundle: Bundle, query: Query) -> Iterable[Source]:
    """The sources of the query's segment, and those of the default segment that have no version for it."""
    names = {name.partition("@")[0] for name in bundle.sources}
    return [source for name in sorted(names) if (source := _named(bundle, query, name)) is not None]


def _named(bundle: Bundle, query: Query, name: str) -> Source | None:
    if query.segment != DEFAULT_SEGMENT and (own := bundle.sources.get(f"{name}@{query.segment}")) is not None:
        return own
    return bundle.sources.get(name)


def _is_called(source: Source, name: str) -> bool:
    return source.name.startswith(name) or source.kind.startswith(name)


def _configured(bundle: Bundle, query: Query, sources: list[Source], wanted: str) -> Plan:
    """These sources by the weights of the query or of the surface; all the same if none of them has any."""
    weights = bundle.ranking.weights if query.weights is None else query.weights
    weighed = [(source, weights.get(source.name.partition("@")[0], 0.0)) for source in sources]
    if not any(weight > 0 for _, weight in weighed):
        return _even(sources) if sources else Plan((), (wanted,))
    return Plan(_shares(weighed))


def _even(sources: Iterable[Source]) -> Plan:
    return Plan(_shares((source, 1.0) for source in sources))


def _weighed(bundle: Bundle, query: Query, weights: Mapping[str, float]) -> Plan:
    weighed: list[tuple[Source, float]] = []
    missing = []
    for name in sorted(name for name, weight in weights.items() if weight > 0):
        exact = _named(bundle, query, name)
        sources = [exact] if exact else [s for s in _of_segment(bundle, query) if _is_called(s, name)]
        weighed += [(source, weights[name]) for source in sources]
        if not sources:
            missing.append(name)
    return Plan(_shares(weighed), tuple(missing))


def _shares(weighed: Iterable[tuple[Source, float]]) -> Shares:
    weights: dict[str, tuple[Source, float]] = {}
    for source, weight in weighed:
        weights[source.name] = (source, weights.get(source.name, (source, 0.0))[1] + weight)
    total = sum(weight for _, weight in weights.values())
    return tuple((source, weight / total) for _, (source, weight) in sorted(weights.items()) if weight > 0)
