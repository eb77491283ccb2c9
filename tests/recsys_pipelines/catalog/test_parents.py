import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_pipelines.catalog.parents import families


@pytest.mark.parametrize(
    ("parents", "root", "cycles"),
    [
        pytest.param({"red": "shirt"}, {"red": "shirt"}, (), id="a variant"),
        pytest.param({"red-s": "red", "red": "shirt"}, {"red-s": "shirt", "red": "shirt"}, (), id="a variant of one"),
        pytest.param({"a": "a"}, {"a": "a"}, (("a",),), id="its own parent"),
        pytest.param({"b": "a", "a": "b"}, {"a": "a", "b": "a"}, (("a", "b"),), id="each other's parents"),
        pytest.param(
            {"d": "c", "c": "b", "b": "a", "a": "c"},
            dict.fromkeys("abcd", "a"),
            (("a", "b", "c"),),
            id="below a circle",
        ),
        pytest.param({}, {}, (), id="no parents"),
    ],
)
def test_everything_stands_under_the_root_of_its_family(parents, root, cycles):
    assert families(parents) == (root, cycles)


def test_a_family_may_be_deeper_than_the_stack():
    deep = {str(number): str(number + 1) for number in range(100_000)}

    assert set(families(deep).root.values()) == {"100000"}


@given(st.dictionaries(st.integers(0, 9).map(str), st.integers(0, 12).map(str)), st.randoms())
def test_it_does_not_matter_in_which_order_items_come(parents, random):
    shuffled = [*parents.items()]
    random.shuffle(shuffled)

    assert families(dict(shuffled)) == families(parents)


@given(st.dictionaries(st.integers(0, 9).map(str), st.integers(0, 12).map(str)))
def test_a_root_has_no_root_above_it_and_members_share_it_with_their_parent(parents):
    root = families(parents).root

    assert all(root.get(top, top) == top for top in root.values())
    assert all(root[item] == root.get(parent, parent) for item, parent in parents.items())
