"""The id map: exact, sorted, and made of arrays alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_algo.errors import BadArtifact
from recsys_algo.stringmap import StringMap

texts = st.lists(st.text(max_size=12), unique=True, max_size=200)


def test_the_index_order_is_the_order_of_the_ids():
    ids = StringMap.build(["b", "a", "ç", "aa"])

    assert list(ids) == ["a", "aa", "b", "ç"]


@pytest.mark.parametrize(
    ("id", "index"),
    [
        pytest.param("aa", 1, id="a known id"),
        pytest.param("ab", -1, id="an id between two known ones"),
        pytest.param("", -1, id="the empty id"),
        pytest.param("ç", 2, id="an id of more bytes than letters"),
        pytest.param("\ud800", -1, id="half of a surrogate pair"),
    ],
)
def test_an_id_is_found_or_minus_one(id, index):
    ids = StringMap.build(["a", "aa", "ç"])

    assert ids.find(id) == index
    assert ids.find_all([id]).tolist() == [index]


def test_ids_of_the_same_hash_are_told_apart():
    same_crc32 = ["plumless", "buckeroo"]  # 0x4DDB0C25, both

    ids = StringMap.build([*same_crc32, *(str(number) for number in range(3000))])

    assert ids.take(ids.find_all(list(ids))) == list(ids)


def test_an_id_given_twice_is_named():
    with pytest.raises(ValueError, match="'b' is given twice"):
        StringMap.build(["b", "a", "b"])


def test_an_empty_map_finds_nothing():
    ids = StringMap.build([])

    assert len(ids) == 0
    assert ids.find("a") == -1
    assert ids.find_all(["a"] * 100).tolist() == [-1] * 100


def test_a_map_of_stored_arrays_copies_nothing(tmp_path):
    stored = StringMap.build(["a", "b"]).arrays()
    for name, array in stored.items():
        np.save(tmp_path / f"{name}.npy", array)

    arrays = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in stored}
    ids = StringMap.from_arrays(arrays)

    assert ids.find("b") == 1
    assert all(np.shares_memory(ids.arrays()[name], arrays[name]) for name in arrays)


@pytest.mark.parametrize("missing", ["bytes", "offsets", "buckets", "order"])
def test_a_missing_array_is_named(missing):
    arrays = StringMap.build(["a"]).arrays()
    del arrays[missing]

    with pytest.raises(BadArtifact, match=missing):
        StringMap.from_arrays(arrays)


@pytest.mark.parametrize("cut", ["bytes", "offsets", "buckets", "order"])
def test_arrays_that_do_not_fit_together_are_refused(cut):
    arrays = StringMap.build(["a", "bc", "d"]).arrays()
    arrays[cut] = arrays[cut][:-1]

    with pytest.raises(BadArtifact, match="do not fit together"):
        StringMap.from_arrays(arrays)


@given(texts, texts)
def test_a_map_agrees_with_a_dictionary(known, asked):
    ids = StringMap.build(known)
    expected = {id: index for index, id in enumerate(sorted(known))}

    assert [ids.find(id) for id in known + asked] == [expected.get(id, -1) for id in known + asked]
    assert ids.find_all(known + asked).tolist() == [expected.get(id, -1) for id in known + asked]
    assert ids.take(range(len(known))) == sorted(known)


def test_indices_outside_of_the_map_are_refused():
    ids = StringMap.build(["a", "b"])

    assert ids[-1] == "b"
    assert ids[0:2] == ["a", "b"]
    with pytest.raises(IndexError, match="index 2 is outside a map of 2 ids"):
        ids[2]
