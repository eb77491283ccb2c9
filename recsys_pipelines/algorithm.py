"""What an algorithm is, which ones there are, and which of them a tenant wants with which settings.

An algorithm is a frozen, strict ``msgspec.Struct``: its fields are the hyperparameters, ``fit`` gives the table that it
learned, and ``shape`` says what kind of table that is. Nothing else in the suite knows which algorithm made a table,
so a new one is one file in ``algorithms/`` that exposes ``ALGORITHM``, or a distribution with an entry point of group
``recsys.algorithms``.

AlgorithmError
|- BrokenAlgorithm       a module or a plugin does not give an algorithm, or takes the name of another one
|- InvalidTrainingData   what is to be learned from cannot be learned from
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from typing import Any, ClassVar, Protocol, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.errors import InvalidDocument, InvalidName
from data_contracts.layout import segment
from data_contracts.tables import INTERACTIONS, SHAPES, Shape
from recsys_pipelines import algorithms
from recsys_pipelines.identity import NOTHING, Known

GROUP = "recsys.algorithms"
RESERVED = ("history", "items")  # artifacts of the pipeline itself; its others, such as `seen.view`, have a dot


class AlgorithmError(Exception):
    """An algorithm cannot be used as asked."""


class BrokenAlgorithm(AlgorithmError):
    """A module or a plugin does not give an algorithm, or takes a name that is taken."""


class InvalidTrainingData(AlgorithmError):
    """What is to be learned from cannot be learned from."""


@dataclass(frozen=True)
class TrainingData:
    """All that a fit may depend on; the same data and seed give the same table, whatever the order of the rows.

    ``interactions``, ``catalog``, ``events`` and ``users`` have the columns of `data_contracts.tables`; only the first
    two are needed. ``events`` are one lazy frame a day, in order, as often as one iterates; a column that is not
    selected is not read: ``pl.concat(day.select("user_id", "item_id", "ts") for day in data.events).collect()``.
    ``identity`` is what is known beside the events of who is who: whoever groups events by person asks ``known`` and
    `coding.coded` or `identity.persons`, as interactions do, or learns two half people from one who logged in.
    ``now`` (aware) is the instant that ages are counted from. ``embeddings`` reads the item texts' vectors (columns of
    ``feature_tables.EMBEDDINGS``) when called, and no algorithm that learns from texts makes neighbours of two items in
    ``blocked_pairs``. ``previous`` is what this artifact learned the last time, where training
    is incremental: factors may start from it. Raises ``InvalidTrainingData`` for missing columns and
    for weights that are not finite numbers of at least 0.
    """

    interactions: pl.DataFrame
    catalog: pl.DataFrame
    events: Iterable[pl.LazyFrame] = ()
    now: datetime = field(kw_only=True)
    seed: int = field(default=0, kw_only=True)
    users: pl.DataFrame = field(default_factory=pl.DataFrame, kw_only=True)
    identity: Known = field(default=NOTHING, kw_only=True)
    embeddings: Callable[[], pl.DataFrame] = field(default=pl.DataFrame, kw_only=True)
    blocked_pairs: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)
    previous: pl.DataFrame | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise InvalidTrainingData(f"now must carry a time zone, got {self.now.isoformat()}")
        _check_columns(self.interactions, INTERACTIONS.names, "interactions")
        _check_columns(self.catalog, ("item_id",), "catalog")
        _check_weights(self.interactions)

    @property
    def known(self) -> Known:
        """What was said of who is who, and that every id of ``users`` is a user's."""
        if "user_id" not in self.users.columns:
            return self.identity
        return self.identity._replace(users=pl.concat([self.identity.users, self.users["user_id"]]).unique())


class Algorithm(Protocol):
    """Settings and ``fit``; what was learned is the table, never the object."""

    name: ClassVar[str]
    shape: ClassVar[Shape]

    def fit(self, data: TrainingData) -> pl.DataFrame:
        """A table with exactly the columns of ``tables.SHAPES[shape]``; no rows where there is nothing to learn."""


@dataclass(frozen=True)
class FullScores:
    """Every item's score for every user, a block of users at a time: what a cut table cannot say.

    ``users`` and ``items`` are sorted ids; ``block(start, end)`` is float, users x items, higher is better;
    -inf says nothing and is never recommended.
    """

    users: pl.Series
    items: pl.Series
    block: Callable[[int, int], npt.NDArray[np.floating[Any]]]


class Scoring(Protocol):
    """What an algorithm may have beside ``fit`` if its table is cut for serving: an offline comparison ranks by it."""

    def scores(self, data: TrainingData) -> FullScores:
        """The model in full, fitted on the same data with the same settings."""


@runtime_checkable
class ByTrait(Protocol):
    """What an algorithm has that makes lists by trait, the segments of `recsys_algo.segments.trait_segment`."""

    @property
    def per_trait(self) -> tuple[str, ...]:
        """The traits, the one that says most first."""

    @property
    def minimum_people(self) -> int:
        """How many have to share a value for a list of it."""


def discover(plugins: Iterable[EntryPoint] | None = None) -> dict[str, type[Algorithm]]:
    """Every algorithm by its name: the built-in ones, then those of ``plugins`` (default: of what is installed).

    Raises ``BrokenAlgorithm`` that names the module or the distribution to fix or to remove.
    """
    found: dict[str, type[Algorithm]] = {}
    origins: dict[str, str] = {}
    for origin, candidate in chain(_built_in(), _installed(plugins)):
        algorithm = _checked(candidate, origin)
        if algorithm.name in found:
            raise BrokenAlgorithm(
                f"{origin} names its algorithm {algorithm.name!r}, but {origins[algorithm.name]} has that name already"
            )
        found[algorithm.name], origins[algorithm.name] = algorithm, origin
    return found


def configured(document: TenantDocument) -> dict[str, Algorithm]:
    """The tenant's algorithms with their settings, by the name of the artifact that each one makes.

    Raises ``InvalidDocument``, in one line that says what would have been valid.
    """
    known = discover()
    return {artifact: _settings(document, artifact, known) for artifact in document.algorithms}


def schema(shape: Shape) -> dict[str, pl.DataType]:
    """The Polars schema of a shape: strings, float64 scores, and vectors as lists of float32."""
    types = {"string": pl.String(), "float": pl.Float64(), "vector": pl.List(pl.Float32)}
    return {column.name: types[column.kind] for column in SHAPES[shape].columns}


def _built_in() -> Iterator[tuple[str, object]]:
    for module in sorted(pkgutil.iter_modules(algorithms.__path__, f"{algorithms.__name__}."), key=lambda m: m.name):
        yield f"module {module.name}", getattr(importlib.import_module(module.name), "ALGORITHM", None)


def _installed(plugins: Iterable[EntryPoint] | None) -> Iterator[tuple[str, object]]:
    points = entry_points(group=GROUP) if plugins is None else plugins
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        origin = _origin(point)
        yield origin, _loaded(point, origin)


def _origin(point: EntryPoint) -> str:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed distribution"
    return f"entry point {point.name!r} ({point.value}) of distribution {distribution}"


def _loaded(point: EntryPoint, origin: str) -> object:
    try:
        return point.load()
    except Exception as error:  # a plugin may fail to import in any way; it is named and raised again
        raise BrokenAlgorithm(f"{origin} cannot be imported: {type(error).__name__}: {error}") from error


def _checked(candidate: Any, origin: str) -> type[Algorithm]:
    complaint = _complaint(candidate)
    if complaint:
        raise BrokenAlgorithm(f"{origin} {complaint}")
    algorithm: type[Algorithm] = candidate
    return algorithm


def _complaint(candidate: Any) -> str | None:
    if not (isinstance(candidate, type) and issubclass(candidate, msgspec.Struct)):
        return f"must give a msgspec.Struct class as its algorithm, not {candidate!r}"
    config = candidate.__struct_config__
    if not (config.frozen and config.forbid_unknown_fields):
        return f"gives {candidate.__name__}, which must be declared with frozen=True and forbid_unknown_fields=True"
    if getattr(candidate, "shape", None) not in SHAPES:
        return f"gives {candidate.__name__}, whose shape must be one of {', '.join(SHAPES)}"
    if not callable(getattr(candidate, "fit", None)):
        return f"gives {candidate.__name__}, which has no method fit(data)"
    if not _is_name(getattr(candidate, "name", None)):
        return f"gives {candidate.__name__}, whose name must be 1 to 64 of A-Z a-z 0-9 . _ -"
    return None


def _is_name(name: object) -> bool:
    try:
        return isinstance(name, str) and segment(name, "algorithm") == name
    except InvalidName:
        return False


def _settings(document: TenantDocument, artifact: str, known: Mapping[str, type[Algorithm]]) -> Algorithm:
    place = f"tenant {document.tenant!r}, algorithms.{artifact}"
    if artifact in RESERVED or "." in artifact or not _is_name(artifact):
        raise InvalidDocument(f"{place}: not a name for an artifact; use A-Z a-z 0-9 _ -, but not history or items")
    settings = dict(document.algorithms[artifact])
    name = settings.pop("algorithm", artifact)
    if not isinstance(name, str) or name not in known:
        raise InvalidDocument(f"{place}: there is no algorithm {name!r}; there are {', '.join(sorted(known))}")
    try:
        return msgspec.convert(settings, known[name])
    except msgspec.ValidationError as error:
        raise InvalidDocument(f"{place}: {error}; {name} takes {_takes(known[name])}") from error


def _takes(algorithm: Any) -> str:
    return (
        ", ".join(f"{each.name} (default {each.default!r})" for each in msgspec.structs.fields(algorithm)) or "nothing"
    )


def _check_columns(frame: pl.DataFrame, names: tuple[str, ...], table: str) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise InvalidTrainingData(f"{table} has no column {', '.join(missing)}; it has {', '.join(frame.columns)}")


def _check_weights(interactions: pl.DataFrame) -> None:
    weight = pl.col("weight")
    bad = interactions.filter(weight.is_null() | ~weight.is_finite() | (weight < 0))
    if bad.height:
        user, item, value = bad.select("user_id", "item_id", "weight").row(0)
        raise InvalidTrainingData(
            f"{bad.height} of {interactions.height} interactions have a weight that is not a finite number of at least "
            f"0, such as {value} for user {user!r} and item {item!r}"
        )
