"""Several tables of neighbours in one generation: a tenant says which of them answers what."""

import pytest

from recsys_algo.rank import recommend, similar

TABLES = {
    "transitions": ("item_neighbors", [("a", "b", 1.0)]),
    "bought_together": ("item_neighbors", [("a", "c", 1.0)]),
    "content": ("item_neighbors", [("a", "d", 1.0)]),
}


@pytest.mark.parametrize(("name", "expected"), [("transitions", "b"), ("bought_together", "c"), ("content", "d")])
def test_the_surface_says_which_table_similar_items_come_from(shop, ask, ids, name, expected):
    bundle = shop("abcd", ranking={"weights": {}, "similar_weights": {name: 1}}, **TABLES)

    assert ids(similar(bundle, ["a"], ask())) == [expected]


@pytest.mark.parametrize(("name", "expected"), [("transitions", "b"), ("bought_together", "c"), ("content", "d")])
def test_the_weights_of_the_surface_say_what_was_also_bought(shop, ask, ids, name, expected):
    bundle = shop("abcd", ranking={"weights": {name: 1}}, history=[("ann", "a", 1.0)], **TABLES)

    assert ids(recommend(bundle, ask(k=1, strategy="also_bought", user_id="ann"))) == [expected]


@pytest.mark.parametrize(("name", "expected"), [("transitions", "b"), ("bought_together", "c"), ("content", "d")])
def test_a_query_may_name_the_table(shop, ask, ids, name, expected):
    bundle = shop("abcd", ranking={"weights": {}}, **TABLES)

    assert ids(similar(bundle, ["a"], ask(), name)) == [expected]


def test_without_a_word_all_tables_count_the_same(shop, ask, ids):
    bundle = shop("abcd", ranking={"weights": {}}, **TABLES)

    assert ids(similar(bundle, ["a"], ask())) == ["b", "c", "d"]
