import itertools

import numpy as np
import polars as pl
import pytest

from recsys_eval.errors import InvalidFrame
from recsys_eval.metrics import diversity, indexed
from recsys_eval.metrics.diversity import traits_of

ITEMS = ["a", "b", "c", "d"]


def one_list(*items: str) -> pl.DataFrame:
    return pl.DataFrame({"user_id": ["ann"] * len(items), "item_id": items, "rank": range(1, len(items) + 1)})


def of(recs: pl.DataFrame, catalog: pl.DataFrame, vectors: pl.DataFrame | None = None) -> list[float]:
    lists = indexed(recs, catalog["item_id"])
    return diversity(lists, traits_of(lists.items, catalog, vectors)).tolist()


def test_by_category_it_is_the_share_of_pairs_from_different_ones():
    catalog = pl.DataFrame({"item_id": ITEMS, "category": ["tea", "tea", "tea", "cup"]})

    assert of(one_list("a", "b", "c", "d"), catalog) == pytest.approx([3 / 6])


def test_items_without_a_category_are_all_alike():
    catalog = pl.DataFrame({"item_id": ITEMS, "category": [None, None, "tea", "cup"]})

    assert of(one_list("a", "b"), catalog) == pytest.approx([0.0])


def test_by_tags_it_is_one_minus_the_cosine_of_the_tag_sets():
    catalog = pl.DataFrame({"item_id": ITEMS, "tags": [["red", "big"], ["red", "small"], ["blue"], []]})

    assert of(one_list("a", "b"), catalog) == pytest.approx([1 - 1 / 2])
    assert of(one_list("a", "c"), catalog) == pytest.approx([1.0])


def test_by_vectors_it_equals_the_mean_over_all_pairs():
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(4, 8))
    table = pl.DataFrame({"entity": "item", "id": ITEMS, "vector": vectors.astype(np.float32).tolist()})
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = np.mean([1 - unit[i] @ unit[j] for i, j in itertools.combinations(range(4), 2)])

    assert of(one_list(*ITEMS), pl.DataFrame({"item_id": ITEMS}), table) == pytest.approx([expected], abs=1e-6)


def test_an_item_without_a_vector_is_left_out():
    table = pl.DataFrame({"entity": "item", "id": ["a", "b"], "vector": [[1.0, 0.0], [0.0, 2.0]]})

    assert of(one_list("a", "b", "c"), pl.DataFrame({"item_id": ITEMS}), table) == pytest.approx([1.0])


def test_an_item_that_the_catalog_does_not_know_is_left_out():
    catalog = pl.DataFrame({"item_id": ["a", "b"], "category": ["tea", "cup"]})

    assert of(one_list("a", "b", "unknown"), catalog) == pytest.approx([1.0])


def test_a_list_of_one_item_has_no_diversity():
    catalog = pl.DataFrame({"item_id": ITEMS, "category": ITEMS})

    assert np.isnan(of(one_list("a"), catalog)).all()


def test_a_catalog_without_categories_and_tags_has_no_traits():
    assert traits_of(pl.Series(ITEMS), pl.DataFrame({"item_id": ITEMS})) is None


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        pytest.param([[1.0], [1.0, 2.0]], "different lengths", id="different lengths"),
        pytest.param([[1.0], [float("nan")]], "not a number", id="not a number"),
    ],
)
def test_bad_vectors_are_refused(vectors, complaint):
    table = pl.DataFrame({"entity": "item", "id": ["a", "b"], "vector": vectors})

    with pytest.raises(InvalidFrame, match=complaint):
        traits_of(pl.Series(ITEMS), pl.DataFrame({"item_id": ITEMS}), table)
