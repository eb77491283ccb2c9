"""The segment of a known user stands in for the one that a caller does not name."""

from dataclasses import replace

import numpy as np
import pytest

from recsys_algo.arrays import mapped
from recsys_algo.encode import encode_segments
from recsys_algo.errors import BadArtifact
from recsys_algo.rank import recommend
from recsys_algo.segments import Segments

POPULARITY = [("", "a", 1.0), ("vip", "b", 1.0), ("new", "c", 1.0)]


@pytest.fixture
def bundle(shop):
    """Ann is a VIP, Bob is new; each segment has a list of its own."""
    return replace(shop("abc", popularity=POPULARITY), segments=Segments.build(["bob", "ann"], ["new", "vip"]))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({"user_id": "ann"}, ("b", 2), id="a user of whom only the segment is known"),
        pytest.param({"user_id": "bob"}, ("c", 2), id="one of another segment"),
        pytest.param({"user_id": "cid"}, ("a", 3), id="an unknown user"),
        pytest.param({}, ("a", 3), id="nobody"),
        pytest.param({"user_id": "ann", "segment": "new"}, ("c", 2), id="the caller knows better"),
        pytest.param({"user_id": "cid", "anonymous_id": "bob"}, ("c", 2), id="known under another id"),
    ],
)
def test_the_first_of_a_users_segments_list_is_the_answer(bundle, ask, asked, expected):
    answer = recommend(bundle, ask(k=1, **asked))

    assert (answer.items[0].item_id, answer.fallback_level) == expected


def test_segments_survive_being_stored(tmp_path):
    encoded = encode_segments(["bob", "ann", "ü"], ["new", "vip", "new"], tmp_path)

    read = Segments.of(mapped("users.segments", [(path.name, path) for path in encoded.files]))

    assert (encoded.name, encoded.shape, encoded.rows) == ("users.segments", "segments", 3)
    assert [read.of_user((id,)) for id in ("ann", "bob", "ü", "cid")] == ["vip", "new", "new", "default"]


def test_the_order_of_the_users_does_not_change_a_byte(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()

    encode_segments(["bob", "ann"], ["new", "vip"], one)
    encode_segments(["ann", "bob"], ["vip", "new"], two)

    assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in two.iterdir()}


def test_a_user_in_two_segments_is_refused():
    with pytest.raises(ValueError, match="the id 'ann' is given twice"):
        Segments.build(["ann", "ann"], ["vip", "new"])


@pytest.mark.parametrize("codes", [np.array([0], np.int32), np.array([0, 2], np.int32), np.array([0, -1], np.int32)])
def test_arrays_that_do_not_fit_together_are_refused(codes):
    arrays = Segments.build(["ann", "bob"], ["vip", "new"]).arrays() | {"codes": codes}

    with pytest.raises(BadArtifact, match="segments of 2 users do not fit to 2 names"):
        Segments.of(arrays)
