"""The segment of a known user stands in for the one that a caller does not name."""

from dataclasses import replace

import numpy as np
import pytest

from recsys_algo.arrays import mapped
from recsys_algo.encode import encode_segments
from recsys_algo.errors import BadArtifact
from recsys_algo.rank import recommend
from recsys_algo.segments import Segments, trait_segment

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


@pytest.fixture
def by_trait():
    """Ann is in a segment; what gold customers and those from Germany want was learned, of silver ones too little."""
    lists = ["loyalty=gold", "locale=de", "locale=en"]
    return Segments.build(["ann"], ["vip"], traits=["loyalty", "locale"], lists=lists)


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"loyalty": "gold", "locale": "de"}, "loyalty=gold", id="the first trait with a list"),
        pytest.param({"loyalty": "silver", "locale": "de"}, "locale=de", id="the next one, if the first has none"),
        pytest.param({"locale": " EN"}, "locale=en", id="spelt in another way"),
        pytest.param({"loyalty": "vip", "locale": None}, "default", id="no value with a list"),
        pytest.param({"country": "de"}, "default", id="another trait"),
        pytest.param({}, "default", id="nothing said"),
    ],
)
def test_of_what_is_said_the_first_trait_with_a_list_counts(by_trait, traits, expected):
    assert by_trait.of_traits(traits) == expected


def test_traits_survive_being_stored(by_trait, tmp_path):
    encoded = encode_segments(["ann"], ["vip"], tmp_path, traits=by_trait.traits, lists=by_trait.names)

    read = Segments.of(mapped("users.segments", [(path.name, path) for path in encoded.files]))

    assert (read.traits, read.of_traits({"locale": "de"}), read.of_user(("ann",))) == (
        ("loyalty", "locale"),
        "locale=de",
        "vip",
    )


def test_without_traits_nothing_is_stored_of_them():
    arrays = Segments.build(["ann"], ["vip"]).arrays()

    assert not [name for name in arrays if name.startswith("traits")]
    assert Segments.of(arrays).of_traits({"loyalty": "gold"}) == "default"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("Gold", "t=gold", id="a text"),
        pytest.param(" New\t York ", "t=new york", id="white space"),
        pytest.param(True, "t=true", id="a truth"),
        pytest.param(False, "t=false", id="its opposite"),
        pytest.param(3, "t=3", id="a number"),
        pytest.param(3.0, "t=3", id="the same number"),
        pytest.param(2.5, "t=2.5", id="a fraction"),
        pytest.param(float("inf"), "t=inf", id="no number to count with"),
        pytest.param("", None, id="an empty text"),
        pytest.param(" ", None, id="a blank one"),
        pytest.param(None, None, id="nothing"),
        pytest.param(["gold"], None, id="a list"),
        pytest.param({"level": 1}, None, id="an object"),
    ],
)
def test_a_value_has_one_spelling(value, expected):
    assert trait_segment("t", value) == expected


def test_the_answer_says_which_segment_it_stands_on(bundle, ask):
    (warning,) = recommend(bundle, ask(k=1, user_id="ann")).warnings

    assert warning.code == "FALLBACK_USED"
    assert warning.detail == "level 2; of this user only the segment vip is known"


def test_a_user_in_two_segments_is_refused():
    with pytest.raises(ValueError, match="the id 'ann' is given twice"):
        Segments.build(["ann", "ann"], ["vip", "new"])


@pytest.mark.parametrize("codes", [np.array([0], np.int32), np.array([0, 2], np.int32), np.array([0, -1], np.int32)])
def test_arrays_that_do_not_fit_together_are_refused(codes):
    arrays = Segments.build(["ann", "bob"], ["vip", "new"]).arrays() | {"codes": codes}

    with pytest.raises(BadArtifact, match="segments of 2 users do not fit to 2 names"):
        Segments.of(arrays)
