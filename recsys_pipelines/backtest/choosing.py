"""Which algorithms run under which names with which settings: ``ease,wide=ease`` and ``wide.l2=1320``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from recsys_pipelines.algorithm import Algorithm, discover
from recsys_pipelines.backtest.errors import UnknownChoice


def chosen(names: Sequence[str], settings: Iterable[str]) -> dict[str, Algorithm]:
    """By label the configured algorithm; without names every one there is. Raises ``UnknownChoice``.

    A name may be a label of one's own, ``wide=ease``, so that one algorithm can run twice. A setting is
    ``label.field=value``; the value is read as JSON where it is JSON, and as text otherwise.
    """
    known = discover()
    kinds = _labelled(names or sorted(known), known)
    given: dict[str, dict[str, Any]] = {label: {} for label in kinds}
    for setting in settings:
        label, field, value = _parts(setting, kinds)
        given[label][field] = value
    return {label: configured(label, kind, given[label]) for label, kind in kinds.items()}


def configured(label: str, kind: type[Algorithm], settings: Mapping[str, Any]) -> Algorithm:
    """The algorithm with these settings. Raises ``UnknownChoice`` that lists those that it has."""
    try:
        return msgspec.convert(dict(settings), kind)
    except (msgspec.ValidationError, ValueError) as error:
        names = ", ".join(f"{each.name} (default {each.default!r})" for each in msgspec.structs.fields(kind))  # type: ignore[arg-type]
        raise UnknownChoice(f"{label}: {error}; {kind.name} takes {names or 'no settings'}") from error


def _labelled(names: Sequence[str], known: Mapping[str, type[Algorithm]]) -> dict[str, type[Algorithm]]:
    kinds: dict[str, type[Algorithm]] = {}
    for each in names:
        label, _, name = (part.strip() for part in each.partition("="))
        if (name or label) not in known:
            raise UnknownChoice(f"there is no algorithm {name or label!r}; there are {', '.join(sorted(known))}")
        if label in kinds:
            raise UnknownChoice(f"{label!r} is named twice; give one of them a name of its own: other={name or label}")
        kinds[label] = known[name or label]
    return kinds


def _parts(setting: str, kinds: Mapping[str, type[Algorithm]]) -> tuple[str, str, Any]:
    place, equals, text = (part.strip() for part in setting.partition("="))
    label, dot, field = place.partition(".")
    if not (equals and dot and field):
        raise UnknownChoice(f"--set {setting!r} must have the form algorithm.field=value, such as als.factors=32")
    if label not in kinds:
        raise UnknownChoice(f"--set {setting!r}: {label!r} does not run; there are {', '.join(kinds)}")
    return label, field, _value(text)


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
