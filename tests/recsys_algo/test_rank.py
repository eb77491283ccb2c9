"""Answers as a whole: limits, warnings, candidates of the caller, and defects of a peer that must not return."""

import msgspec
import pytest

from recsys_algo.rank import recommend, similar
from recsys_algo.situation import Constraints, Warning

COUNTS = ("retrieved", "after_exclude", "after_filter", "after_rules", "returned")


def shelf(count, **column):
    return [{"item_id": f"i{n:05}"} | {name: value(n) for name, value in column.items()} for n in range(count)]


def popular(rows):
    return [("", row["item_id"], float(len(rows) - place)) for place, row in enumerate(rows)]


@pytest.fixture
def filled(shop):
    """A shop of so many items, the first one the most popular."""

    def made(count, ranking=None, **column):
        rows = shelf(count, **column)
        return shop(rows, ranking=ranking, popularity=popular(rows))

    return made


def test_an_answer_counts_what_went_through_it(filled, ask):
    bundle = filled(300, {"blocked_items": ["i00001"]}, available=lambda n: n != 2)

    answer = recommend(bundle, ask(k=10, exclude_ids=("i00000",)))

    assert answer.counts == dict(zip(COUNTS, (200, 199, 198, 197, 10), strict=True))


def test_ranks_count_from_one_and_the_source_is_named(filled, ask):
    first, second = recommend(filled(5), ask(k=2)).items

    assert (first.rank, first.item_id, first.score, first.source) == (1, "i00000", 1.0, "popularity")
    assert (second.rank, second.item_id, second.score) == (2, "i00001", 0.833333)
    assert second.reasons == ("recent_popularity",)
    assert second.signals == {"popularity": 0.833333}


def test_every_source_that_proposed_an_item_is_a_signal_and_a_reason(shop, ask):
    bundle = shop("abc", popularity=[("", "a", 1.0)], cooccurrence=[("c", "a", 1.0), ("c", "b", 2.0)])

    item = recommend(bundle, ask(k=1, anchors=("c",))).items[0]

    assert item.signals == {"popularity": 0.5, "cooccurrence": 0.416667}
    assert item.reasons == ("recent_popularity", "co_visitation")
    assert item.source == "popularity"


@pytest.mark.parametrize("k", [pytest.param(6, id="one more"), pytest.param(200, id="many more")])
def test_a_k_larger_than_the_catalog_returns_all_of_it_and_says_so(filled, ask, k):
    answer = recommend(filled(5), ask(k=k))

    assert answer.counts["returned"] == 5
    assert Warning("SHORT_LIST", f"5 of {k} items; there are no others") in answer.warnings


@pytest.mark.parametrize("k", [0, -1])
def test_a_k_below_one_is_an_error(filled, ask, k):
    with pytest.raises(ValueError, match=f"k is {k}; at least 1"):
        recommend(filled(5), ask(k=k))


def test_a_clock_without_time_zone_is_an_error(filled, ask):
    with pytest.raises(ValueError, match="without a time zone"):
        recommend(filled(5), ask(now=ask().now.replace(tzinfo=None)))


def test_constraints_that_leave_too_little_say_how_much_they_leave(filled, ask):
    bundle = filled(300, tags=lambda n: ["rare"] if n in (7, 250) else [])

    answer = recommend(bundle, ask(k=3, constraints=Constraints(include_tags_any=("rare",))))

    assert [item.item_id for item in answer.items] == ["i00007", "i00250"]
    assert [warning.code for warning in answer.warnings] == ["FALLBACK_USED", "CONSTRAINTS_FILTERED", "SHORT_LIST"]
    assert answer.warnings[1].detail == "2 of 300 items pass all filters"


def test_when_everything_is_filtered_out_the_answer_is_empty_and_says_so(filled, ask):
    answer = recommend(filled(3), ask(k=3, constraints=Constraints(include_tags_any=("unheard",))))

    assert answer.items == ()
    assert answer.fallback_level == 7
    assert [warning.code for warning in answer.warnings] == ["FALLBACK_USED", "CONSTRAINTS_FILTERED", "SHORT_LIST"]


def test_unknown_anchors_are_named_and_the_known_ones_serve(shop, ask, ids):
    bundle = shop("abc", cooccurrence=[("a", "b", 1.0)])

    answer = recommend(bundle, ask(k=1, anchors=("x", "a", "x", "y")))

    assert ids(answer) == ["b"]
    assert answer.warnings == (Warning("UNKNOWN_ITEM", "2 anchors are not in the catalog: x, y"),)


def test_similar_to_an_unknown_item_falls_back_with_a_warning(filled, ask):
    answer = similar(filled(3), ["unheard"], ask(k=2))

    assert [item.item_id for item in answer.items] == ["i00000", "i00001"]
    assert [warning.code for warning in answer.warnings] == ["UNKNOWN_ITEM", "SIGNAL_UNAVAILABLE", "FALLBACK_USED"]


def test_the_users_history_anchors_neighbours_but_is_not_excluded_elsewhere(shop, ask, ids):
    rows = {"cooccurrence": [("a", "b", 1.0), ("b", "a", 1.0)], "history": [("ann", "a", 2.0), ("ann", "b", 1.0)]}
    bundle = shop("abc", popularity=[("", "a", 1.0), ("", "c", 0.5)], **rows)

    assert ids(recommend(bundle, ask(k=3, user_id="ann"))) == ["a", "c"]


def test_the_surface_says_how_much_history_anchors(shop, ask, ids):
    rows = {"cooccurrence": [("a", "c", 1.0), ("b", "d", 9.0)], "history": [("ann", "a", 2.0), ("ann", "b", 1.0)]}

    assert ids(recommend(shop("abcd", ranking={"history_items": 1}, **rows), ask(user_id="ann"))) == ["c"]
    assert ids(recommend(shop("abcd", ranking={"history_items": 0}, **rows), ask(user_id="ann"))) == []


def test_anchors_of_the_visit_take_the_place_of_history(shop, ask, ids):
    rows = {"cooccurrence": [("a", "c", 1.0), ("b", "d", 9.0)], "history": [("ann", "b", 1.0)]}

    assert ids(recommend(shop("abcd", **rows), ask(user_id="ann", anchors=("a",)))) == ["c"]


def test_the_basket_is_not_recommended(filled, ask):
    answer = recommend(filled(5), ask(k=5, anchors=("i00000", "i00003")))

    assert [item.item_id for item in answer.items] == ["i00001", "i00002", "i00004"]


def test_an_answer_is_restricted_to_included_ids_in_the_order_of_the_sources(filled, ask):
    answer = recommend(filled(5), ask(k=3, include_ids=("i00004", "i00001", "i00003", "i00002")))

    assert [item.item_id for item in answer.items] == ["i00001", "i00002", "i00003"]
    assert answer.warnings == ()


def test_included_ids_that_no_source_knows_are_returned_last(shop, ask, ids):
    bundle = shop("abcd", popularity=[("", "d", 1.0)])

    answer = recommend(bundle, ask(include_ids=("c", "d", "a")))

    assert ids(answer) == ["d", "a", "c"]
    assert [item.source for item in answer.items] == ["popularity", "include", "include"]


def test_a_restricted_answer_is_not_filled_up_from_elsewhere(filled, ask):
    answer = recommend(filled(5), ask(k=3, include_ids=("i00004",)))

    assert [item.item_id for item in answer.items] == ["i00004"]
    assert [warning.code for warning in answer.warnings] == ["SHORT_LIST"]


def test_injected_ids_compete_in_the_order_given(shop, ask, ids):
    bundle = shop("abcd", popularity=[("", "a", 2.0), ("", "b", 1.0)])

    answer = recommend(bundle, ask(include_ids=("d", "b"), include_mode="inject"))

    assert ids(answer) == ["b", "a", "d"]
    assert answer.items[2].reasons == ("requested",)


@pytest.mark.parametrize(
    ("included", "codes"),
    [
        pytest.param(("a", "x"), ["UNKNOWN_ITEM"], id="one is not in the catalog"),
        pytest.param(("x",), ["UNKNOWN_ITEM", "CANDIDATES_INCLUDE_EMPTY"], id="none is in the catalog"),
        pytest.param(("a", "b"), ["CANDIDATES_INCLUDE_FILTERED"], id="one is filtered out"),
        pytest.param(("b",), ["CANDIDATES_INCLUDE_EMPTY"], id="all are filtered out"),
    ],
)
def test_what_became_of_included_ids_is_said(shop, ask, included, codes):
    bundle = shop("abc", ranking={"blocked_items": ["b"]}, popularity=[("", "a", 1.0)])

    answer = recommend(bundle, ask(k=1, include_ids=included))

    assert [warning.code for warning in answer.warnings if warning.code != "SHORT_LIST"] == codes


@pytest.mark.parametrize(
    "who",
    [
        pytest.param({"user_id": "ann"}, id="by user id"),
        pytest.param({"user_id": "new", "anonymous_id": "ann"}, id="by anonymous id"),
        pytest.param({"session_id": "ann"}, id="by session id"),
    ],
)
def test_a_user_is_known_by_any_of_the_three_ids(shop, ask, ids, who):
    assert ids(recommend(shop("ab", lists=[("ann", "b", 1.0)]), ask(**who))) == ["b"]


def test_the_same_query_gives_the_same_answer(shop, ask):
    tables = {"popularity": [("", "a", 1.0)], "cooccurrence": [("a", "b", 1.0)], "history": [("ann", "a", 1.0)]}
    bundle = shop("abc", **tables)

    first, second = (recommend(bundle, ask(user_id="ann")) for _ in range(2))

    assert first == second
    assert msgspec.json.encode(first.counts) == msgspec.json.encode(second.counts)


def test_five_thousand_excluded_ids_are_all_enforced(filled, ask):
    """A peer took 5,000 at its door and looked at 200."""
    excluded = tuple(f"i{n:05}" for n in range(5000))

    answer = recommend(filled(5020), ask(k=20, exclude_ids=excluded))

    assert [item.item_id for item in answer.items] == [f"i{n:05}" for n in range(5000, 5020)]


def test_many_hundreds_of_included_ids_are_all_honoured(filled, ask):
    """A peer ignored all but 50."""
    included = tuple(f"i{n:05}" for n in range(2000, 1000, -1))

    answer = recommend(filled(3000), ask(k=200, include_ids=included))

    assert [item.item_id for item in answer.items] == [f"i{n:05}" for n in range(1001, 1201)]


def test_similar_items_honour_constraints(shop, ask, ids):
    """A peer accepted constraints there, and ignored them."""
    rows = [{"item_id": id, "price_minor": price} for id, price in zip("abcd", (100, 200, 300, 400), strict=True)]
    bundle = shop(rows, cooccurrence=[("a", "b", 3.0), ("a", "c", 2.0), ("a", "d", 1.0)])

    answer = similar(bundle, ["a"], ask(constraints=Constraints(price_between=(250, None))))

    assert ids(answer) == ["c", "d"]


def test_filters_do_not_starve_the_list(filled, ask):
    """A peer had as many candidates as places, so that every filtered item was a hole."""
    answer = recommend(filled(1000, available=lambda n: n >= 900), ask(k=20))

    assert [item.item_id for item in answer.items] == [f"i{n:05}" for n in range(900, 920)]
    assert [warning.code for warning in answer.warnings] == ["FALLBACK_USED"]


def test_caps_do_not_starve_the_list(filled, ask):
    bundle = filled(1000, {"max_per_brand": 1}, brand=lambda n: "X" if n < 980 else f"b{n}")

    assert len(recommend(bundle, ask(k=20)).items) == 20


def test_late_ids_are_not_cut_off(shop, ask, ids):
    """A peer cut lists in the order of ids, not of scores."""
    rows = shelf(3000)
    bundle = shop(rows, popularity=[("", row["item_id"], float(place)) for place, row in enumerate(rows)])

    assert ids(recommend(bundle, ask(k=2))) == ["i02999", "i02998"]


def test_the_pool_is_larger_than_the_list_before_filters(filled, ask):
    bundle = filled(2000)

    assert recommend(bundle, ask(k=1)).counts["retrieved"] == 200
    assert recommend(bundle, ask(k=100)).counts["retrieved"] == 500
