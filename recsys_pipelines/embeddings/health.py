"""Is the index of vectors well: is every item in it, and does every vector say something of its own."""

from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.feature_tables import DIMENSIONS
from data_contracts.policies import EmbeddingSettings

EXAMPLES = 5


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: ``observed`` is a share of the items, or a count; above ``limit`` it is ill."""

    name: str
    observed: float
    limit: float
    detail: str
    examples: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it is well."""
        return self.observed <= self.limit


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """All facts of an index; ``unknown_blocked`` are ids in ``blocked_pairs`` that the catalog does not have."""

    items: int
    facts: tuple[Fact, ...]
    unknown_blocked: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the vectors may be used."""
        return all(fact.passed for fact in self.facts)

    @property
    def message(self) -> str:
        """One line: what is ill with examples, or that nothing is; then blocked pairs of unknown items."""
        ill = [f"{fact.detail}{_such(fact.examples)} [{fact.name}]" for fact in self.facts if not fact.passed]
        unknown = [f"blocked_pairs names unknown items{_such(self.unknown_blocked)}"] if self.unknown_blocked else []
        return "; ".join([*(ill or [f"the vectors of {self.items} items are well"]), *unknown])


def health(embeddings: pl.DataFrame, catalog: pl.DataFrame, settings: EmbeddingSettings) -> Health:
    """The facts about ``embeddings`` (columns of ``feature_tables.EMBEDDINGS``) of the items of ``catalog``."""
    known = set(catalog["item_id"])
    unknown = {id for pair in settings.blocked_pairs for id in pair} - known
    facts = tuple(_facts(embeddings.sort("item_id"), sorted(known), settings))
    return Health(items=len(known), facts=facts, unknown_blocked=tuple(sorted(unknown)))


def matrix(embeddings: pl.DataFrame) -> npt.NDArray[np.float32]:
    """The vectors as rows. Raises ``ValueError`` that names a vector of another length."""
    lengths = embeddings["vector"].list.len()
    odd = embeddings.filter(lengths.ne_missing(pl.Series([DIMENSIONS], dtype=lengths.dtype)))
    if odd.height:
        id, vector = odd.select("item_id", "vector").row(0)
        raise ValueError(f"the vector of {id!r} has {len(vector or ())} numbers, not {DIMENSIONS}")
    rows: npt.NDArray[np.float32] = embeddings["vector"].explode().to_numpy()
    return rows.reshape(-1, DIMENSIONS)


def _facts(embeddings: pl.DataFrame, known: list[str], settings: EmbeddingSettings) -> Iterator[Fact]:
    ids, vectors = embeddings["item_id"], matrix(embeddings)
    items = max(len(known), 1)
    missing = pl.Series(known, dtype=pl.String)
    missing = missing.filter(~missing.is_in(ids.implode()))
    finite = np.isfinite(vectors).all(axis=1)
    zero = ~vectors.any(axis=1)
    repeated = _repeated(vectors, embeddings["content_hash"]) & ~zero
    same_text = ~embeddings["content_hash"].is_first_distinct() & ~pl.Series(zero, dtype=pl.Boolean)
    for name, found, limit in (
        ("missing", missing, settings.maximum_missing_share),
        ("zero", ids.filter(pl.Series(zero)), settings.maximum_zero_share),
        ("duplicate", ids.filter(pl.Series(repeated)), settings.maximum_duplicate_share),
        ("same_text", ids.filter(same_text), 1.0),
        ("not_finite", ids.filter(pl.Series(~finite)), 0.0),
    ):
        detail = f"{len(found)} of {len(known)} items have {_MEANS[name]}, at most {limit:.1%} may"
        yield Fact(
            name=name, observed=len(found) / items, limit=limit, detail=detail, examples=tuple(found.head(EXAMPLES))
        )
    encoders = embeddings["encoder"].unique().sort().to_list()
    yield Fact(
        name="encoders",
        observed=len(encoders),
        limit=1,
        detail=f"{len(encoders)} encoders made the vectors, which cannot be compared",
        examples=tuple(encoders[:EXAMPLES]),
    )


_MEANS = {
    "missing": "no vector",
    "zero": "a vector of zeros, since their text says nothing",
    "duplicate": "the very vector of an item with another text",
    "same_text": "the very text of another item, and so its vector",
    "not_finite": "a vector with something that is not a number",
}


def _repeated(vectors: npt.NDArray[np.float32], texts: pl.Series) -> npt.NDArray[np.bool_]:
    """True for every vector that an item with another text had before, bit by bit: the encoder saw no difference.

    Items with the same text, such as variants that differ in size alone, have the same vector by right.
    """
    rows = pl.DataFrame({"vector": pl.Series([row.tobytes() for row in vectors], dtype=pl.Binary), "text": texts})
    first = pl.col("text").first().over("vector")
    result: npt.NDArray[np.bool_] = rows.select(pl.col("text").ne_missing(first)).to_series().to_numpy()
    return result


def _such(examples: tuple[str, ...]) -> str:
    return f", such as {', '.join(map(repr, examples[:EXAMPLES]))}" if examples else ""
