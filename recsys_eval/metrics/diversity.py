"""How varied a list is: the mean distance of its items by category, tags or vectors."""

from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_array  # type: ignore[import-untyped]  # scipy has no stubs

from recsys_eval.errors import InvalidFrame
from recsys_eval.frames import need
from recsys_eval.metrics.hits import Vector
from recsys_eval.metrics.lists import Lists, mean_per_list

Traits = Any  # a csr_array: one row of length 1 per item, or an empty row for an item of which nothing is known


def diversity(lists: Lists, traits: Traits) -> Vector:
    """How different the items within a list are: 0 all of a kind, 1 each pair of another category.

    Mean distance, 1 - cosine of the traits, over the pairs of each list (Ziegler et al., 2005, WWW). Items without
    traits are left out; a list with fewer than two others is nan. With one category per item it is the share of pairs
    from different categories. All pairs at once: |sum of the rows|^2 = n + 2 * (sum of the cosines).

    >>> from recsys_eval.metrics import indexed
    >>> recs = pl.DataFrame({"user_id": ["ann"] * 3, "item_id": ["tea", "jam", "cup"], "rank": [1, 2, 3]})
    >>> three = indexed(recs, pl.Series(["cup", "jam", "tea"]))
    >>> kitchen = traits_of(three.items, pl.DataFrame({"item_id": three.items, "category": ["china", "food", "food"]}))
    >>> round(float(diversity(three, kitchen)[0]), 3)  # 2 of 3 pairs differ
    0.667

    Stability: public
    """
    ones = np.ones(lists.item.size)
    places = csr_array((ones, (lists.list, lists.item)), shape=(lists.count, len(lists.items)))
    known = places @ (np.diff(traits.indptr) > 0).astype(np.float64)
    squared = (places @ traits).power(2).sum(axis=1)
    return 1 - mean_per_list(squared - known, known * (known - 1))


def traits_of(items: pl.Series, catalog: pl.DataFrame, vectors: pl.DataFrame | None = None) -> Traits | None:
    """A row per item, in the order of ``items``: from vectors, else categories, else tags; None without any of them.

    ``vectors`` has the columns (entity, id, vector). An item without a category, or without tags, is alike all others
    without: missing data must not look like variety. An item without a vector is left out.

    Stability: internal
    """
    if vectors is not None:
        return _of_vectors(items, vectors)
    words = _words(catalog)
    return None if words is None else _of_length_one(_cells(items, words.with_columns(pl.col("word").fill_null(""))))


def kinds_of(items: pl.Series, catalog: pl.DataFrame) -> Traits | None:
    """A row per item that sums to 1 over its category, or its tags; empty where nothing is known of the item.

    Stability: internal
    """
    words = _words(catalog)
    if words is None:
        return None
    cells = _cells(items, words.drop_nulls("word"))
    total = cells.sum(axis=1)
    return csr_array(cells.multiply(1 / np.where(total > 0, total, 1)[:, None]))


def _words(catalog: pl.DataFrame) -> pl.DataFrame | None:
    """(item_id, word): the category of each item, else its tags; null where there is none."""
    if "category" in catalog.columns:
        return catalog.select("item_id", word="category")
    if "tags" in catalog.columns:
        return catalog.select("item_id", word="tags").explode("word")
    return None


def _cells(items: pl.Series, words: pl.DataFrame) -> Traits:
    known = words.unique()
    rows = items.to_frame("item_id").with_row_index("row").join(known, on="item_id")
    column = rows["word"].rank("dense").to_numpy() - 1
    shape = (len(items), max(1, rows["word"].n_unique()))
    return csr_array((np.ones(rows.height), (rows["row"].to_numpy(), column)), shape=shape)


def _of_vectors(items: pl.Series, vectors: pl.DataFrame) -> Traits:
    need(vectors, "vectors", ("entity", "id", "vector"))
    known = vectors.filter(pl.col("entity") == "item").select(
        item_id="id", vector=pl.col("vector").cast(pl.List(pl.Float64))
    )
    rows = items.to_frame("item_id").with_row_index("row").join(known, on="item_id").sort("row")
    if rows["vector"].list.len().n_unique() > 1:
        raise InvalidFrame("vectors: the vectors have different lengths; all of one artifact have the same")
    width = len(rows["vector"][0]) if rows.height else 1
    cells = rows["vector"].explode().to_numpy().reshape(rows.height, width)
    if not np.isfinite(cells).all():
        raise InvalidFrame("vectors: a vector holds a value that is not a number")
    dense = np.zeros((len(items), width))
    dense[rows["row"].to_numpy()] = cells
    return _of_length_one(csr_array(dense))


def _of_length_one(cells: Traits) -> Traits:
    length = np.sqrt(cells.power(2).sum(axis=1))
    return csr_array(cells.multiply(1 / np.where(length > 0, length, 1)[:, None]))
