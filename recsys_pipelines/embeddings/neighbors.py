"""Which items are nearest by their texts: exact, by cosine, without the pairs that a person has ruled out."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no stubs

from recsys_pipelines.embeddings.health import matrix

CELLS = 1 << 24  # of the product at a time: 64 MB
DIGITS = 6  # of a score; what differs less is a tie, and goes by id
SAMPLE = 10

_SCHEMA = {"item_id": pl.String, "rank": pl.Int64, "neighbor_id": pl.String, "score": pl.Float64}


def neighbors(
    embeddings: pl.DataFrame, items: Sequence[str], k: int, *, blocked: Iterable[tuple[str, str]] = ()
) -> pl.DataFrame:
    """For each of ``items`` its ``k`` nearest others, best first (item_id, rank from 1, neighbor_id, score: cosine).

    A pair in ``blocked`` never occurs, in neither direction; a zero vector has no neighbours and is none. Items that
    have no vector have no rows. Time grows with items x vectors, memory with the vectors.
    """
    index = embeddings.sort("item_id")
    ids, vectors = index["item_id"].to_list(), matrix(index)
    place = {id: number for number, id in enumerate(ids)}
    asked = sorted(place[item] for item in set(items) if item in place and vectors[place[item]].any())
    barred = _barred(blocked, place)
    rows: list[tuple[str, int, str, float]] = []
    usable = vectors.any(axis=1)
    for some in _in_blocks(asked, len(ids)):
        with threadpool_limits(1):  # sums that several threads share are not the same twice
            scores = np.round(vectors[some] @ vectors.T, DIGITS)
        scores[:, ~usable] = -np.inf
        for item, score in zip(some, scores, strict=True):
            score[[item, *barred.get(item, ())]] = -np.inf
            rows.extend(
                (ids[item], rank, ids[other], float(score[other]))
                for rank, other in enumerate(_best(score, k), start=1)
            )
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def spot_check(
    embeddings: pl.DataFrame, catalog: pl.DataFrame, *, k: int, seed: int, blocked: Iterable[tuple[str, str]] = ()
) -> pl.DataFrame:
    """The neighbours of ``SAMPLE`` items with titles, for a person to look at: always the same items for a seed."""
    by_hash = sorted(embeddings["item_id"], key=lambda id: (hashlib.sha256(f"{seed}:{id}".encode()).digest(), id))
    found = neighbors(embeddings, by_hash[:SAMPLE], k, blocked=blocked)
    titles = catalog.select("item_id", "title")
    return (
        found.join(titles, on="item_id", how="left")
        .join(titles.rename({"item_id": "neighbor_id", "title": "neighbor_title"}), on="neighbor_id", how="left")
        .select("item_id", "title", "rank", "neighbor_id", "neighbor_title", "score")
        .sort("item_id", "rank")
    )


def _barred(blocked: Iterable[tuple[str, str]], place: dict[str, int]) -> dict[int, list[int]]:
    """For each item of a blocked pair the others, both ways."""
    barred: dict[int, list[int]] = {}
    for one, other in blocked:
        if one in place and other in place:
            barred.setdefault(place[one], []).append(place[other])
            barred.setdefault(place[other], []).append(place[one])
    return barred


def _in_blocks(asked: list[int], columns: int) -> Iterator[list[int]]:
    size = max(1, CELLS // max(columns, 1))
    return (asked[start : start + size] for start in range(0, len(asked), size))


def _best(score: npt.NDArray[np.float32], k: int) -> list[int]:
    """The places of the ``k`` highest scores, ties by place; those of minus infinity are none."""
    k = min(k, len(score))
    least = np.partition(score, len(score) - k)[len(score) - k] if k else np.inf
    able = np.flatnonzero((score >= least) & np.isfinite(score))
    best: list[int] = able[np.lexsort((able, -score[able]))][:k].tolist()
    return best
