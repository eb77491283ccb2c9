"""An archived item is known, and nothing brings it back into an answer."""

import pytest

from recsys_algo.rank import recommend, similar

ITEMS = [{"item_id": "a"}, {"item_id": "b"}, {"item_id": "gone", "archived": True, "available": True}, {"item_id": "d"}]
BEST = [["", "gone", 9.0], ["", "a", 3.0], ["", "b", 2.0]]
NEAR = [["a", "gone", 0.9], ["a", "b", 0.5], ["gone", "d", 0.7]]


@pytest.fixture
def bundle(shop):
    def opened(**ranking):
        lists = [["ann", "gone", 9.0], ["ann", "b", 1.0]]
        settings = {"weights": {"popularity": 1, "cooccurrence": 1, "lists": 1}} | ranking
        return shop(ITEMS, ranking=settings, popularity=BEST, cooccurrence=NEAR, lists=lists)

    return opened


@pytest.mark.parametrize(
    "ranking",
    [
        pytest.param({}, id="by popularity, lists and neighbours"),
        pytest.param({"available_only": False}, id="where what cannot be bought is shown too"),
        pytest.param({"editorial": ("gone", "d")}, id="as an editorial item"),
        pytest.param({"editorial": ("gone", "d"), "available_only": False}, id="as an editorial item, bought or not"),
    ],
)
@pytest.mark.parametrize("asked", [{"user_id": "ann"}, {"anchors": ("a",)}, {"include_ids": ("gone", "a")}], ids=str)
def test_an_archived_item_is_never_recommended(bundle, ask, ids, ranking, asked):
    found = ids(recommend(bundle(**ranking), ask(**asked)))

    assert found
    assert "gone" not in found


@pytest.mark.parametrize("available_only", [True, False])
def test_an_archived_item_is_no_neighbour_and_still_has_neighbours(bundle, ask, ids, available_only):
    opened = bundle(available_only=available_only)

    assert "gone" not in ids(similar(opened, ["a"], ask()))
    assert ids(similar(opened, ["gone"], ask()))[0] == "d"


def test_the_catalog_knows_that_it_left(bundle):
    catalog = bundle().catalog

    assert catalog.archived.tolist() == [catalog.ids.find("gone")]
    assert catalog.describe(catalog.ids.find("gone"))["available"] is False


def test_a_catalog_without_archived_items_has_none(shop):
    assert shop("ab").catalog.archived.tolist() == []
