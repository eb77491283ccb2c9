"""Latent semantic analysis: TF-IDF of words and of parts of words, cut down to 384 numbers by a truncated SVD.

The default: it needs no download and learns from the tenant's own catalog (Deerwester et al., JASIS 1990). Close
vectors mean texts that share words, or words that go with the same words; it knows nothing of a language.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no stubs

from data_contracts.feature_tables import DIMENSIONS

VERSION = "1"  # another one where the same texts and settings would give other vectors
NEGLIGIBLE = 1e-5  # singular values below this share of the largest are noise of rounding
_ANALYZERS: dict[str, dict[str, Any]] = {
    "word": {"analyzer": "word", "ngram_range": (1, 2)},
    "char": {"analyzer": "char_wb", "ngram_range": (3, 4)},
}
_TERMS: dict[str, pl.DataType] = {"analyzer": pl.String(), "term": pl.String(), "idf": pl.Float32()}
_LEARNED = pl.Schema({**_TERMS, "component": pl.List(pl.Float32)})


class Svd(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """TF-IDF and SVD, fitted on the catalog.

    Words and their pairs, and 3 to 4 letters within a word, which match a plural or a misspelling; ``terms`` of each
    at most, the most frequent ones. Of a larger catalog ``fit_items`` texts are learned from, chosen by hash.
    """

    terms: Annotated[int, msgspec.Meta(ge=1)] = 20_000
    fit_items: Annotated[int, msgspec.Meta(ge=1)] = 20_000
    seed: int = 0

    name: ClassVar[str] = "svd"
    learns: ClassVar[bool] = True

    def fit(self, texts: Sequence[str]) -> pl.DataFrame:
        """A row per term (analyzer, term, idf, component: its 384 numbers), in the order of the columns.

        The same texts in any order give the same table, on the same kind of processor. Catalogs of a rank under 384
        leave the rest of the numbers zero.
        """
        chosen = self._chosen(texts)
        terms = pl.concat([self._terms(analyzer, chosen) for analyzer in _ANALYZERS])
        if terms.is_empty():
            return pl.DataFrame(schema=_LEARNED)
        components = self._components(_Vocabulary(terms).weights(chosen))
        return terms.with_columns(component=pl.Series(components).cast(pl.List(pl.Float32)))

    def open(self, learned: pl.DataFrame, folder: Path) -> "Lsa":
        """The encoder that knows these terms."""
        return Lsa(learned)

    def _chosen(self, texts: Sequence[str]) -> list[str]:
        """At most ``fit_items`` different texts, by hash: whatever the order, and the same ones tomorrow."""
        different = {text for text in texts if text}
        by_hash = sorted(different, key=lambda text: (hashlib.sha256(f"{self.seed}:{text}".encode()).digest(), text))
        return by_hash[: self.fit_items]

    def _terms(self, analyzer: str, texts: Sequence[str]) -> pl.DataFrame:
        """The most frequent terms of the texts with their idf, by term."""
        from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]  # noqa: PLC0415

        vectorizer = TfidfVectorizer(**_ANALYZERS[analyzer], max_features=self.terms, dtype=np.float32)
        try:
            vectorizer.fit(texts)
        except ValueError:  # "empty vocabulary": no text has such a term
            return pl.DataFrame(schema=_TERMS)
        columns = {"analyzer": analyzer, "term": vectorizer.get_feature_names_out().tolist(), "idf": vectorizer.idf_}
        return pl.DataFrame(columns, schema=_TERMS)

    def _components(self, weights: Any) -> npt.NDArray[np.float32]:
        """For every term (a column of ``weights``) its 384 numbers."""
        from sklearn.decomposition import TruncatedSVD  # type: ignore[import-untyped]  # noqa: PLC0415

        if weights.shape[1] == 1:  # of which scikit-learn makes an error
            return np.eye(1, DIMENSIONS, dtype=np.float32)
        svd = TruncatedSVD(min(DIMENSIONS, *weights.shape), random_state=self.seed)
        with threadpool_limits(1):  # sums that several threads share are not the same twice
            svd.fit(weights)
        strong = svd.singular_values_ > NEGLIGIBLE * svd.singular_values_[0]
        components = np.zeros((weights.shape[1], DIMENSIONS), np.float32)
        components[:, : strong.sum()] = svd.components_[strong].T
        return components


@dataclass(frozen=True)
class Lsa:
    """Encodes with terms that were learned (columns as `Svd.fit` gives them)."""

    learned: pl.DataFrame

    @cached_property
    def id(self) -> str:
        """Changes with any term, any idf and any component."""
        digest = hashlib.sha256("\n".join(self.learned["term"]).encode())
        digest.update(self.learned["idf"].to_numpy().tobytes())
        digest.update(self._components.tobytes())
        return f"svd/{VERSION}/{digest.hexdigest()[:16]}"

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One row per text; a text has the same vector alone and among others."""
        if self.learned.is_empty():
            return np.zeros((len(texts), DIMENSIONS), np.float32)
        vectors = self._vocabulary.weights(texts) @ self._components
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: npt.NDArray[np.float32] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
        return unit

    @cached_property
    def _components(self) -> npt.NDArray[np.float32]:
        rows: npt.NDArray[np.float32] = self.learned["component"].explode().to_numpy().astype(np.float32)
        return rows.reshape(-1, DIMENSIONS)

    @cached_property
    def _vocabulary(self) -> "_Vocabulary":
        return _Vocabulary(self.learned)


class _Vocabulary:
    """TF-IDF over known terms: the columns are the rows of ``learned``, every text's row has length 1."""

    def __init__(self, learned: pl.DataFrame) -> None:
        self._vectorizers = [
            _vectorizer(analyzer, learned.filter(analyzer=analyzer))
            for analyzer in _ANALYZERS
            if analyzer in learned["analyzer"]
        ]

    def weights(self, texts: Sequence[str]) -> Any:
        """A sparse matrix, float32."""
        from scipy import sparse  # type: ignore[import-untyped]  # noqa: PLC0415

        parts = [vectorizer.transform(texts) for vectorizer in self._vectorizers]
        return (sparse.hstack(parts, format="csr") / len(parts) ** 0.5).astype(np.float32)


def _vectorizer(analyzer: str, terms: pl.DataFrame) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    vocabulary = {term: place for place, term in enumerate(terms["term"])}
    vectorizer = TfidfVectorizer(**_ANALYZERS[analyzer], vocabulary=vocabulary, sublinear_tf=True, dtype=np.float32)
    vectorizer.idf_ = terms["idf"].to_numpy()
    return vectorizer
