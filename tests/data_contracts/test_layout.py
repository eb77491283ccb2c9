import pytest

from data_contracts.errors import InvalidName
from data_contracts.layout import blob_key, manifest_key, outbox_key, pointed, pointer_key, segment


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a..b", "demo\n", "-a", "a b", "ä", "x" * 65])
def test_a_name_that_cannot_stand_in_a_key_is_refused(name):
    with pytest.raises(InvalidName, match="tenant"):
        segment(name, "tenant")


@pytest.mark.parametrize("digest", ["", "AB" * 32, "ab" * 31, "ab" * 32 + "\n", "../" + "a" * 61])
def test_a_blob_is_named_by_a_whole_hash(digest):
    with pytest.raises(InvalidName):
        blob_key("demo", digest)


def test_keys_are_those_of_the_design():
    assert blob_key("demo", "ab" * 32) == f"blobs/demo/sha256/ab/{'ab' * 32}"
    assert manifest_key("demo", "home", 42) == "manifests/demo/home/00000042.json"
    assert outbox_key("demo", "home", 42) == "outbox/demo/RecommendationsRefreshed-home-42.json"


def test_a_pointer_key_says_whose_it_is():
    assert pointed(pointer_key("demo", "home")) == ("demo", "home")


@pytest.mark.parametrize(
    "key", ["current/demo.json", "current/demo/home", "current/demo/home/x.json", "blobs/a/b.json"]
)
def test_other_keys_are_no_pointers(key):
    with pytest.raises(InvalidName):
        pointed(key)
