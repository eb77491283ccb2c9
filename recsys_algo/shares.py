"""Which sources are asked, and what share of the weights each has.

A name may be an artifact's, or begin the name or kind of some: ``cooc`` asks ``cooccurrence``. Where an artifact has a
version for the query's segment, that one is asked.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from recsys_algo.blend import Voice
from recsys_algo.candidates import DEFAULT_SEGMENT, Source

Sources = Mapping[str, Source]


class Shares(NamedTuple):
    """The sources to ask, by name, each with its voice (their shares add up to 1), and names that found none."""

    voices: tuple[tuple[Source, Voice], ...]
    missing: tuple[str, ...] = ()


def weighed(sources: Sources, weights: Mapping[str, float], segment: str = DEFAULT_SEGMENT) -> Shares:
    """The sources that ``weights`` names, by these weights; one of weight 0 is not asked."""
    pairs: list[tuple[Source, float]] = []
    missing = []
    for name in sorted(name for name, weight in weights.items() if weight > 0):
        found = named(sources, name, segment)
        pairs += [(source, weights[name]) for source in found]
        if not found:
            missing.append(name)
    return Shares(_voices(pairs), tuple(missing))


def even(sources: Iterable[Source]) -> Shares:
    """These sources, all with the same share."""
    return Shares(_voices((source, 1.0) for source in sources))


def named(sources: Sources, name: str, segment: str) -> list[Source]:
    """The artifact of that name, or else those whose name or kind begins with it."""
    exact = of_segment(sources, segment).get(name)
    if exact is not None:
        return [exact]
    return [source for source in of_segment(sources, segment).values() if is_called(source, name)]


def of_segment(sources: Sources, segment: str) -> dict[str, Source]:
    """For each artifact its version for the segment, or else the one for everybody."""
    plain = {name: source for name, source in sources.items() if "@" not in name}
    own = {name.partition("@")[0]: source for name, source in sources.items() if name.endswith(f"@{segment}")}
    return plain | own


def is_called(source: Source, name: str) -> bool:
    """Whether the name or the kind of the source begins like this."""
    return source.name.startswith(name) or source.kind.startswith(name)


def _voices(weighed: Iterable[tuple[Source, float]]) -> tuple[tuple[Source, Voice], ...]:
    weights: dict[str, float] = {}
    sources: dict[str, Source] = {}
    for source, weight in weighed:
        sources[source.name] = source
        weights[source.name] = weights.get(source.name, 0.0) + weight
    total = sum(weights.values())
    return tuple((sources[name], Voice.of(place, weights[name] / total)) for place, name in enumerate(sorted(sources)))
