"""The selection loop: one per parent, caps, brands, and relevance against likeness."""

import pytest

from recsys_algo.rank import recommend
from recsys_algo.situation import Constraints


def items(**columns):
    names = list(columns)
    return [
        {"item_id": id} | {name: columns[name][place] for name in names}
        for place, id in enumerate("abcdefgh"[: len(columns[names[0]])])
    ]


def popularity(ids):
    return [("", id, float(len(ids) - place)) for place, id in enumerate(ids)]


@pytest.fixture
def listed(shop, ask, ids):
    """The answer to a query for the items in the order a, b, c..."""

    def answered(rows, ranking=None, **asked):
        bundle = shop(rows, ranking=ranking, popularity=popularity([row["item_id"] for row in rows]))
        return "".join(ids(recommend(bundle, ask(**asked))))

    return answered


VARIANTS = items(parent_id=["p", "p", None, "q", "q", None])


def test_only_the_best_variant_of_a_parent_is_returned(listed):
    assert listed(VARIANTS) == "acdf"


def test_variants_stand_side_by_side_when_the_surface_wants_it(listed):
    assert listed(VARIANTS, {"dedupe_parent": False}) == "abcdef"
    assert listed(VARIANTS, constraints=Constraints(dedupe_parent=False)) == "abcdef"


def test_a_parent_is_a_variant_of_itself(listed):
    assert listed(items(parent_id=[None, "a", None])) == "ac"


def test_an_anchor_keeps_its_own_variants_out(listed):
    assert listed(VARIANTS, anchors=("b",)) == "cdf"


def test_the_list_is_filled_to_k_past_the_variants(listed):
    assert listed(VARIANTS, k=4) == "acdf"


BRANDS = items(brand=["X", "X", "X", "Y", "Y", None, None], category=["1", "2", "1", "1", "2", "2", "2"])


def test_a_brand_cap_holds_inside_the_list_which_is_filled_from_below(listed):
    assert listed(BRANDS, {"max_per_brand": 1}, k=4) == "adfg"  # items without a brand are not capped


def test_filling_up_never_relaxes_a_cap(listed):
    assert listed(BRANDS[:5], {"max_per_brand": 1}, k=5) == "ad"


def test_a_category_cap_holds(listed):
    assert listed(BRANDS, constraints=Constraints(max_per_category=2)) == "abce"


def test_the_query_caps_otherwise_than_the_surface(listed):
    assert listed(BRANDS, {"max_per_brand": 1}, constraints=Constraints(max_per_brand=2)) == "abdefg"


def test_a_tag_cap_holds_for_each_tag_that_is_named(listed):
    tags = items(tags=[["red"], ["RED", "new"], ["red"], ["blue"], ["blue"], []])

    assert listed(tags, {"max_per_tag": {"Red": 2}}) == "abdef"
    assert listed(tags, {"max_per_tag": {"red": 1}}, constraints=Constraints(max_per_tag={"blue": 1})) == "adf"
    assert listed(tags, {"max_per_tag": {"unheard": 1}}) == "abcdef"


def test_a_wish_for_brands_takes_the_last_places_for_new_ones(listed):
    assert listed(BRANDS, k=3, min_brands=2) == "abd"


def test_a_wish_for_more_brands_than_there_are_fills_the_list_anyway(listed):
    assert listed(BRANDS, k=4, min_brands=3) == "abdc"


def test_a_wish_for_brands_is_granted_from_below_the_pool(shop, ask, ids):
    rows = [{"item_id": f"i{place:03}", "brand": "X" if place < 299 else "Y"} for place in range(300)]
    bundle = shop(rows, popularity=[("", row["item_id"], 300.0 - place) for place, row in enumerate(rows)])

    assert ids(recommend(bundle, ask(k=2, min_brands=2))) == ["i000", "i299"]


LIKE = items(tags=[["red", "shirt"], ["red", "shirt"], ["blue", "shoe"], ["red", "shoe"]])


def test_relevance_alone_keeps_the_order(listed):
    assert listed(LIKE, mmr_lambda=1.0) == "abcd"


def test_likeness_to_what_is_chosen_counts_against_an_item(listed):
    # After a: b is like it 1, c 0, d 1/3. After c: d is like it 1/3 too.
    assert listed(LIKE, mmr_lambda=0.5) == "acdb"


def test_the_order_of_the_selection_is_the_order_of_the_answer(shop, ask):
    """A peer sorted by score afterwards, twice, and so undid its own diversity."""
    bundle = shop(LIKE, ranking={"diversity": {"mmr_lambda": 0.5}}, popularity=popularity("abcd"))

    answer = recommend(bundle, ask(k=4))

    assert [item.item_id for item in answer.items] == ["a", "c", "d", "b"]
    assert [item.rank for item in answer.items] == [1, 2, 3, 4]
    assert answer.items[1].score < answer.items[3].score


def test_what_diversity_moved_up_says_so(shop, ask):
    bundle = shop(LIKE, popularity=popularity("abcd"))

    answer = recommend(bundle, ask(k=2, mmr_lambda=0.5))

    assert [item.reasons for item in answer.items] == [("recent_popularity",), ("recent_popularity", "diversity")]


def test_vectors_measure_likeness_where_there_are_any(shop, ask, ids):
    rows = [("item", "a", [1.0, 0.0]), ("item", "b", [0.9, 0.1]), ("item", "c", [0.0, 1.0]), ("item", "d", [0.5, 0.5])]
    bundle = shop(LIKE, ranking={"weights": {"popularity": 1}}, popularity=popularity("abcd"), als=rows)

    assert "".join(ids(recommend(bundle, ask(mmr_lambda=0.5)))) == "acdb"


def test_caps_hold_while_diversity_chooses(listed):
    rows = [row | {"brand": "X" if row["item_id"] in "ac" else "Y"} for row in LIKE]

    assert listed(rows, {"max_per_brand": 1}, mmr_lambda=0.5) == "ad"


def test_diversity_reaches_the_rest_of_the_slate_in_order(shop, ask, ids):
    rows = [{"item_id": f"i{place:03}", "parent_id": "p" if place < 250 else None} for place in range(260)]
    bundle = shop(rows, popularity=[("", row["item_id"], 300.0 - place) for place, row in enumerate(rows)])

    answer = recommend(bundle, ask(k=3, mmr_lambda=0.5))

    assert ids(answer) == ["i000", "i250", "i251"]
