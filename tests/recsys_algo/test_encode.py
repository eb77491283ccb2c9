"""Encoding: the same bytes for the same rows, and nothing that a reader could stumble over."""

import hashlib
import math
from datetime import UTC, datetime

import numpy as np
import pytest

from recsys_algo.arrays import mapped
from recsys_algo.encode import encode_catalog, encode_table, load_items
from recsys_algo.lists import Ids
from recsys_algo.stringmap import StringMap

ITEMS = StringMap.build(["a", "b", "c"])
TABLES = {
    "item_scores": {"segment": ["", "vip", ""], "item_id": ["a", "b", "c"], "score": [1.0, 2.0, 3.0]},
    "item_neighbors": {"item_id": ["a", "a", "b"], "neighbor_id": ["b", "c", "a"], "score": [0.5, 0.7, 0.2]},
    "user_items": {"user_id": ["u2", "u1", "u1"], "item_id": ["a", "b", "c"], "score": [1.0, 1.0, 1.0]},
    "vectors": {
        "entity": ["user", "item", "item"],
        "id": ["u1", "b", "a"],
        "vector": [[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]],
    },
}
every_shape = pytest.mark.parametrize("shape", TABLES)


def digests(encoded):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in encoded.files}


def arrays(encoded):
    found = mapped(encoded.name, ((path.name, path) for path in encoded.files))
    return {name: array.tolist() for name, array in found.items()}


@every_shape
def test_the_order_of_the_rows_does_not_change_a_byte(shape, tmp_path):
    table = TABLES[shape]
    backwards = {name: values[::-1] for name, values in table.items()}

    one = encode_table("t", "k", shape, table, ITEMS, tmp_path / "one")
    other = encode_table("t", "k", shape, backwards, ITEMS, tmp_path / "other")

    assert digests(one) == digests(other)


@every_shape
def test_numpy_columns_and_lists_are_the_same(shape, tmp_path):
    table = TABLES[shape]
    as_arrays = {name: np.array(values, dtype=object if name != "score" else float) for name, values in table.items()}

    one = encode_table("t", "k", shape, table, ITEMS, tmp_path / "one")
    other = encode_table("t", "k", shape, as_arrays, ITEMS, tmp_path / "other")

    assert digests(one) == digests(other)


@every_shape
def test_ids_as_places_in_a_list_of_words_are_the_same_as_texts(shape, tmp_path):
    table = {name: values if name in {"score", "vector"} else Ids.of(values) for name, values in TABLES[shape].items()}
    spare = {
        name: Ids(["unused", *values.words], values.places + 1) if isinstance(values, Ids) else values
        for name, values in table.items()
    }

    one = encode_table("t", "k", shape, TABLES[shape], ITEMS, tmp_path / "one")
    others = [encode_table("t", "k", shape, each, ITEMS, tmp_path / str(n)) for n, each in enumerate((table, spare))]

    assert [digests(each) for each in others] == [digests(one)] * 2


@every_shape
def test_no_rows_are_an_empty_artifact(shape, tmp_path):
    empty = {name: [] for name in TABLES[shape]}

    encoded = encode_table("t", "k", shape, empty, ITEMS, tmp_path)

    assert encoded.rows == 0


def test_a_list_is_stored_best_first_and_ties_by_item_id(tmp_path):
    table = {"segment": ["", "", ""], "item_id": ["c", "b", "a"], "score": [1.0, 2.0, 1.0]}

    stored = arrays(encode_table("t", "k", "item_scores", table, ITEMS, tmp_path))

    assert stored["indices"] == [1, 0, 2]
    assert stored["values"] == [2.0, 1.0, 1.0]


def test_rows_of_unknown_items_are_dropped_and_not_counted(tmp_path):
    table = {"user_id": ["u1", "u2"], "item_id": ["a", "gone"], "score": [1.0, 1.0]}

    encoded = encode_table("t", "k", "user_items", table, ITEMS, tmp_path)

    assert encoded.rows == 1
    assert arrays(encoded)["indptr"] == [0, 1]  # u2, who has nothing left, is not a user of the artifact


def test_an_item_is_not_its_own_neighbour(tmp_path):
    table = {"item_id": ["a", "a", "gone"], "neighbor_id": ["a", "b", "a"], "score": [1.0, 0.5, 1.0]}

    encoded = encode_table("t", "k", "item_neighbors", table, ITEMS, tmp_path)

    assert arrays(encoded)["indices"] == [1]


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, 1e300, None])
def test_a_score_that_is_not_a_number_is_an_error_that_names_artifact_and_id(score, tmp_path):
    table = {"user_id": ["u1", "u9"], "item_id": ["a", "b"], "score": [1.0, score]}

    with pytest.raises(ValueError, match=r"als: the score of user_id 'u9', item_id 'b'"):
        encode_table("als", "als", "user_items", table, ITEMS, tmp_path)


def test_a_pair_given_twice_is_an_error_that_names_it(tmp_path):
    table = {"item_id": ["b", "b"], "neighbor_id": ["a", "a"], "score": [1.0, 2.0]}

    with pytest.raises(ValueError, match="cooc: 'b' lists 'a' twice"):
        encode_table("cooc", "cooc", "item_neighbors", table, ITEMS, tmp_path)


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(ValueError, match="als: a table of shape user_items needs the columns score"):
        encode_table("als", "als", "user_items", {"user_id": [], "item_id": []}, ITEMS, tmp_path)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        pytest.param([[1.0, math.nan], [0.0, 1.0]], "als: the vector of 'a' has a number", id="not a number"),
        pytest.param([[1.0, 2.0], [0.0]], "als: the vector of 'b' has 1 numbers, that of the first row 2", id="ragged"),
    ],
)
def test_a_bad_vector_is_an_error_that_names_its_id(vectors, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        encode_table(
            "als", "als", "vectors", {"entity": ["item"] * 2, "id": ["a", "b"], "vector": vectors}, ITEMS, tmp_path
        )


def test_an_item_with_two_vectors_is_an_error(tmp_path):
    table = {"entity": ["item"] * 2, "id": ["a", "a"], "vector": [[1.0], [2.0]]}

    with pytest.raises(ValueError, match="als: the item 'a' has two vectors"):
        encode_table("als", "als", "vectors", table, ITEMS, tmp_path)


def test_artifacts_share_a_folder_without_touching_each_other(tmp_path):
    encode_catalog({"item_id": ["a", "b"]}, tmp_path)
    first = encode_table("one", "k", "item_scores", TABLES["item_scores"], ITEMS, tmp_path)
    before = digests(first)

    encode_table("one.more", "k", "item_scores", TABLES["item_scores"], ITEMS, tmp_path)

    assert digests(first) == before
    assert list(load_items(tmp_path)) == ["a", "b"]


def test_the_order_of_the_items_does_not_change_a_byte_of_the_catalog(tmp_path):
    catalog = {
        "item_id": ["b", "a"],
        "title": ["B", None],
        "brand": [None, "Acme"],
        "price_minor": [None, 5],
        "created_at": [datetime(2026, 1, 1, tzinfo=UTC), None],
        "tags": [["x", "y"], []],
        "parent_id": ["p", None],
    }
    backwards = {name: values[::-1] for name, values in catalog.items()}

    one, other = encode_catalog(catalog, tmp_path / "one"), encode_catalog(backwards, tmp_path / "other")

    assert digests(one) == digests(other)


def test_an_item_given_twice_is_named(tmp_path):
    with pytest.raises(ValueError, match="'a' is given twice"):
        encode_catalog({"item_id": ["a", "a"]}, tmp_path)


def test_a_negative_price_is_an_error_that_names_the_item(tmp_path):
    with pytest.raises(ValueError, match="the price_minor of 'b' is -1"):
        encode_catalog({"item_id": ["b", "a"], "price_minor": [-1, 2]}, tmp_path)


def test_a_time_without_time_zone_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="2026-01-01T00:00:00 has no time zone"):
        encode_catalog({"item_id": ["a"], "created_at": [datetime(2026, 1, 1)]}, tmp_path)  # noqa: DTZ001
