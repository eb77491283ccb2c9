"""What an encoder of texts is, which ones there are, and which one a tenant wants with which settings.

Like an algorithm, an encoder is a frozen, strict ``msgspec.Struct`` whose fields are its settings. One that *learns*
(the default `svd`) is fitted on the tenant's own texts; what it learned is a table, kept in the lake, never an object.
Another one is a class in ``BUILT_IN``, or a distribution with an entry point of group ``recsys.encoders``.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.errors import InvalidDocument
from data_contracts.feature_tables import DIMENSIONS
from data_contracts.policies import EmbeddingSettings
from recsys_pipelines.embeddings.errors import BrokenEncoder
from recsys_pipelines.embeddings.onnx import Onnx
from recsys_pipelines.embeddings.svd import Svd

Vectors = npt.NDArray[np.float32]
GROUP = "recsys.encoders"


class TextEncoder(Protocol):
    """Texts in, vectors out: the same text always has the same vector."""

    @property
    def id(self) -> str:
        """Name, version and digest of all that its vectors depend on: another id, other vectors."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row of 384 numbers per text, of length 1, or 0 for a text of which it knows nothing."""


class Encoding(Protocol):
    """The settings of one kind of encoder."""

    name: ClassVar[str]
    learns: ClassVar[bool]

    def fit(self, texts: Sequence[str]) -> pl.DataFrame:
        """What it learns from all texts, as a table; no rows if it does not learn."""

    def open(self, learned: pl.DataFrame, folder: Path) -> TextEncoder:
        """The encoder; paths in its settings begin at ``folder``. Raises ``EncoderUnavailable``."""


BUILT_IN: Mapping[str, type[Encoding]] = {Svd.name: Svd, Onnx.name: Onnx}


def discover(plugins: Iterable[EntryPoint] | None = None) -> dict[str, type[Encoding]]:
    """Every encoder by name: the built-in ones, then those of ``plugins`` (default: of what is installed).

    Raises ``BrokenEncoder`` that names the entry point to fix or to remove.
    """
    points = entry_points(group=GROUP) if plugins is None else plugins
    found = dict(BUILT_IN)
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        encoding = _loaded(point)
        if encoding.name in found:
            raise BrokenEncoder(f"{_origin(point)} names its encoder {encoding.name!r}, but there is one already")
        found[encoding.name] = encoding
    return found


def configured(settings: EmbeddingSettings, tenant: str, plugins: Iterable[EntryPoint] | None = None) -> Encoding:
    """The tenant's encoder with its settings. Raises ``InvalidDocument`` that says what would have been valid."""
    known = discover(plugins)
    place = f"tenant {tenant!r}, embeddings"
    if settings.encoder not in known:
        raise InvalidDocument(
            f"{place}: there is no encoder {settings.encoder!r}; there are {', '.join(sorted(known))}"
        )
    try:
        return msgspec.convert(settings.settings, known[settings.encoder])
    except msgspec.ValidationError as error:
        takes = ", ".join(known[settings.encoder].__annotations__)
        raise InvalidDocument(f"{place}.settings: {error}; {settings.encoder} takes {takes}") from error


def encoded(encoder: TextEncoder, texts: Sequence[str]) -> Vectors:
    """The encoder's vectors of these texts, checked; an empty text is zero without asking.

    Raises ``BrokenEncoder`` that names both shapes.
    """
    asked = [place for place, text in enumerate(texts) if text]
    vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
    if asked:
        found = encoder.encode([texts[place] for place in asked])
        if found.shape != (len(asked), DIMENSIONS):
            raise BrokenEncoder(
                f"{encoder.id} gave {found.shape} for {len(asked)} texts; {DIMENSIONS} numbers for each"
            )
        vectors[asked] = found
    return vectors


def _loaded(point: EntryPoint) -> type[Encoding]:
    try:
        candidate: Any = point.load()
    except Exception as error:  # a plugin may fail to import in any way; it is named and raised again
        raise BrokenEncoder(f"{_origin(point)} cannot be imported: {type(error).__name__}: {error}") from error
    wanted = ("name", "learns", "fit", "open")
    missing = [name for name in wanted if not hasattr(candidate, name)]
    if missing or not (isinstance(candidate, type) and issubclass(candidate, msgspec.Struct)):
        raise BrokenEncoder(
            f"{_origin(point)} must give a msgspec.Struct class with {', '.join(wanted)}, not {candidate!r}"
        )
    encoding: Any = candidate
    return encoding  # type: ignore[no-any-return]  # what it must have was looked at


def _origin(point: EntryPoint) -> str:
    return f"entry point {point.name!r} ({point.value})"
