"""What is searched: for each algorithm the fields worth trying and between which values, as a table.

A space says nothing of fields that do not matter for quality (threads, limits), and begins and ends where results are
known to get worse, or to take too long. An algorithm that is not named has nothing to tune (`user_lists` has only the
model that it is made of: tune that): say what to search with ``--space``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from recsys_pipelines.algorithm import Algorithm
from recsys_pipelines.backtest.errors import UnknownChoice


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; ``log``: equal ratios are equally likely."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Choices:
    """A few values: texts, numbers, booleans or None."""

    values: tuple[str | float | bool | None, ...]


Domain = Range | Choices
Space = Mapping[str, Domain]

_BOTH = Choices((False, True))
_AGES = Choices((None, 7.0, 30.0, 90.0, 365.0))
_WIDTHS = Choices((50, 100, 200, 500, None))
SPACES: Mapping[str, Space] = {
    "als": {
        "factors": Range(8, 256, log=True, whole=True),
        "regularization": Range(0.01, 100, log=True),
        "alpha": Range(0.1, 40, log=True),
        "iterations": Range(5, 30, whole=True),
        "half_life_days": _AGES,
    },
    "ials": {
        "factors": Range(8, 64, log=True, whole=True),  # a fit takes (users + items) x factors^3
        "regularization": Range(0.0005, 0.5, log=True),
        "unobserved": Range(0.02, 2, log=True),
        "scaling": Choices((0.0, 0.5, 1.0)),
        "weighted": _BOTH,
    },
    "bpr": {
        "factors": Range(8, 200, log=True, whole=True),
        "learning_rate": Range(0.005, 0.2, log=True),
        "regularization": Range(0.0005, 0.1, log=True),
        "iterations": Range(20, 200, log=True, whole=True),
    },
    "ease": {"l2": Range(10, 5_000, log=True), "weighted": _BOTH},
    "sparse_ease": {
        "l2": Range(10, 5_000, log=True),
        "weighted": _BOTH,
        "candidates": Range(50, 300, log=True, whole=True),  # a fit takes items x candidates^3
    },
    "rp3beta": {"alpha": Range(0.2, 2), "beta": Range(0, 1.2), "neighbors": _WIDTHS, "weighted": _BOTH},
    "cooccurrence": {
        "similarity": Choices(("cosine", "jaccard", "tfidf", "bm25")),
        "shrinkage": Range(0.1, 1_000, log=True),
        "neighbors": _WIDTHS,
    },
    "bought_together": {
        "by": Choices(("lift", "confidence", "surprise")),
        "min_support": Range(1, 20, log=True, whole=True),
        "significance": Choices((0.0, 3.84, 10.83)),
        "neighbors": _WIDTHS,
    },
    "transitions": {
        "reach": Range(1, 10, log=True, whole=True),
        "back_off": Choices(("none", "visit", "category")),
        "trust": Range(0.5, 100, log=True),
        "neighbors": Choices((20, 50, 100, 200)),
        "half_life_days": _AGES,
    },
    "session_knn": {
        "nearest": Range(20, 1_000, log=True, whole=True),
        "last": Range(1, 50, log=True, whole=True),
        "half_life_days": _AGES,
    },
    "buy_again": {
        "horizon_days": Range(1, 60, log=True),
        "minimum_repeaters": Range(0, 5, whole=True),
        "shrinkage": Range(0.5, 100, log=True),
        "personal_shrinkage": Range(0.2, 20, log=True),
    },
    "popularity": {"half_life_days": Choices((None, 1.0, 3.0, 7.0, 14.0, 30.0, 90.0, 365.0))},
    "trending": {
        "compare": Choices(("baseline", "nothing")),
        "smoothing": Range(0.5, 100, log=True),
        "baseline_days": Choices((7.0, 14.0, 28.0, 56.0)),
    },
    "latest": {"days": Choices((7.0, 30.0, 90.0, 365.0, None))},
    "content": {"neighbors": Choices((20, 50, 100, 200, 500)), "popularity_weight": Range(0, 0.5)},
}  # fmt: skip


def space(algorithm: Algorithm, given: Iterable[str] = ()) -> dict[str, Domain]:
    """The algorithm's space, or only the fields given: ``l2=50:2000:log``, ``similarity=cosine,jaccard``, ``b=0.75``.

    Fields that are not searched are those of ``algorithm``, and what is searched must go with them.

    Raises ``UnknownChoice`` for a field or a value that the algorithm does not have.
    """
    fields = {each.name: each for each in msgspec.structs.fields(algorithm)}  # type: ignore[arg-type]  # a Struct
    wanted = dict(_parsed(text, fields) for text in given) or dict(SPACES.get(algorithm.name, {}))
    if not wanted:
        raise UnknownChoice(
            f"there is no space to search for {algorithm.name}; give one, such as --space field=1:100:log; it has "
            f"{', '.join(fields)}"
        )
    for name, domain in wanted.items():
        for value in _ends(domain):
            _check(algorithm, name, value)
    return wanted


def for_document(wanted: Space, algorithm: type[Algorithm]) -> dict[str, Domain]:
    """The space without None for fields that have another default: a change of a document cannot say that."""
    defaults = {each.name: each.default for each in msgspec.structs.fields(algorithm)}  # type: ignore[arg-type]
    return {
        name: Choices(tuple(each for each in domain.values if each is not None or defaults[name] is None))
        if isinstance(domain, Choices)
        else domain
        for name, domain in wanted.items()
    }


def text(domain: Domain) -> str:
    """The domain as ``space`` reads it."""
    if isinstance(domain, Choices):
        return ",".join(msgspec.json.encode(value).decode().strip('"') for value in domain.values)
    return f"{domain.low:g}:{domain.high:g}{':log' if domain.log else ''}"


def _parsed(given: str, fields: Mapping[str, Any]) -> tuple[str, Domain]:
    name, _, body = given.partition("=")
    if name not in fields:
        raise UnknownChoice(f"--space {given!r}: there is no field {name!r}; there are {', '.join(fields)}")
    if ":" not in body:
        return name, Choices(tuple(_value(part) for part in body.split(",")))
    low, high, *rest = body.split(":")
    if rest not in ([], ["log"]):
        raise UnknownChoice(f"--space {given!r} must be {name}=LOW:HIGH, {name}=LOW:HIGH:log or {name}=ONE,OTHER")
    try:
        found = Range(float(low), float(high), bool(rest), type(fields[name].default) is int)
    except ValueError as error:
        raise UnknownChoice(f"--space {given!r}: {error}") from error
    if not found.low < found.high or (found.log and found.low <= 0):
        raise UnknownChoice(f"--space {given!r}: low must be less than high, and above 0 for log")
    return name, found


def _ends(domain: Domain) -> tuple[Any, ...]:
    if isinstance(domain, Choices):
        return domain.values
    return (int(domain.low), int(domain.high)) if domain.whole else (domain.low, domain.high)


def _check(algorithm: Algorithm, name: str, value: Any) -> None:
    try:
        msgspec.convert({**msgspec.to_builtins(algorithm), name: value}, type(algorithm))
    except (msgspec.ValidationError, ValueError) as error:
        raise UnknownChoice(f"{algorithm.name}.{name} cannot be {value!r}: {error}") from error


def _value(body: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
