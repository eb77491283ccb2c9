import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.documents import EventWeights
from data_contracts.feature_tables import ITEM_FEATURES, PLURALS
from data_contracts.tables import EVENT_TYPES
from recsys_pipelines.contract import schema
from recsys_pipelines.features.items import item_features
from recsys_pipelines.features.shelf import Shelf

WEIGHTS = EventWeights(view=0.1, click=0.2, add=0.5, purchase=1.0, custom=0)
rows = st.lists(
    st.tuples(
        st.sampled_from(EVENT_TYPES),
        st.sampled_from((0.001, 1.0, 1.5, 7.0, 7.25, 28.0, 90.0, 90.5)),
        st.sampled_from((None, "ann", "bob")),
        st.sampled_from((None, "a", "b", "c", "d", "unknown")),
    ),
    max_size=30,
)


def features(world, *events, windows=(1, 7, 28, 90)):
    return item_features(world.known(world.events(*events), windows), world.goods(), WEIGHTS)


def of(found, item):
    return found.row(by_predicate=pl.col("item_id") == item, named=True)


def test_every_item_has_a_row_with_the_columns_of_the_contract(world):
    found = features(world)

    assert found["item_id"].to_list() == ["a", "b", "c", "d", "new"]
    assert found.schema == schema(ITEM_FEATURES)


def test_an_empty_shelf_gives_no_rows_with_the_columns_of_the_contract(world):
    empty = Shelf(*(frame.clear() for frame in world.goods()))

    found = item_features(world.known(world.events(("view", 1, "ann", "a"))), empty, WEIGHTS)

    assert found.is_empty()
    assert found.schema == schema(ITEM_FEATURES)


def test_popularity_is_counted_by_type_and_window(world):
    found = of(features(world, ("view", 0.5, "ann", "a"), ("view", 5, "bob", "a"), ("add", 20, "ann", "a")), "a")

    assert [found[f"events_{days}d"] for days in (1, 7, 28, 90)] == [1, 2, 3, 3]
    assert [found[f"adds_{days}d"] for days in (1, 7, 28, 90)] == [0, 0, 1, 1]
    assert [found[f"users_{days}d"] for days in (1, 7, 28, 90)] == [1, 2, 2, 2]


def test_an_event_of_nobody_counts_for_the_item_but_is_no_user(world):
    found = of(features(world, ("view", 0.5, None, "a")), "a")

    assert (found["views_1d"], found["users_1d"]) == (1, 0)


def test_rates_are_pulled_towards_that_of_the_tenant(world):
    views = [("view", 1, "ann", "a")] * 20 + [("view", 1, "ann", "b")] * 20
    bought = [("purchase", 1, "ann", "a")] * 4 + [("add", 1, "ann", "b")] * 8

    found = features(world, *views, *bought)

    # The tenant: 4 purchases and 8 adds on 40 views, so 1/10 and 1/5; every item has 20 views at those rates before.
    assert found["purchase_rate"].to_list()[:3] == pytest.approx([(4 + 2) / 40, (0 + 2) / 40, 2 / 20])
    assert found["add_rate"].to_list()[:3] == pytest.approx([4 / 40, (8 + 4) / 40, 4 / 20])


def test_a_rate_is_at_most_one_where_purchases_come_without_views(world):
    found = features(world, *[("purchase", 1, "ann", "a")] * 50)

    assert found["purchase_rate"].to_list()[:2] == [1.0, 1.0]


def test_a_trend_above_one_is_more_than_usual(world):
    steady = [("view", age + 0.5, "ann", "a") for age in range(28)]
    rising = [("view", age / 4, "ann", "b") for age in range(1, 29)]

    found = features(world, *steady, *rising, windows=(1, 7, 28))

    # 28 events in 28 days lead to expect 7 in the week; one event is added to both.
    assert found["trend"].to_list()[:3] == [1.0, 29 / 8, 1.0]


def test_without_a_week_the_shortest_window_is_what_happens_lately(world):
    found = features(world, ("view", 0.5, "ann", "a"), windows=(1, 4))

    assert found["trend"].to_list()[0] == (1 + 1) / (1 / 4 + 1)


def test_a_single_window_has_no_trend(world):
    assert features(world, ("view", 0.5, "ann", "a"), windows=(7,))["trend"].to_list()[0] == 1.0


def test_the_catalog_says_price_availability_and_age(world):
    found = of(features(world), "b")

    assert {name: found[name] for name in ("price_minor", "currency", "available", "age_days", "category")} == {
        "price_minor": 250,
        "currency": "EUR",
        "available": True,
        "age_days": 10.0,
        "category": "audio",
    }
    assert of(features(world), "c")["age_days"] is None


def test_items_are_ranked_in_their_category_by_weight_then_by_id(world):
    found = features(world, ("purchase", 1, "ann", "b"), *[("view", 1, "ann", "a")] * 9)

    assert dict(found.select("item_id", "category_rank").iter_rows()) == {"b": 1, "a": 2, "c": 1, "new": 2, "d": 1}


@settings(max_examples=40, deadline=None)
@given(rows)
def test_counts_are_what_one_would_count_by_hand(world, drawn):
    found = features(world, *drawn)

    for item in found["item_id"]:
        for days in (1, 7, 28, 90):
            mine = [row for row in drawn if row[3] == item and row[1] <= days]
            row = of(found, item)
            assert row[f"events_{days}d"] == len(mine)
            assert row[f"users_{days}d"] == len({row[2] for row in mine} - {None})
            assert [row[f"{name}_{days}d"] for name in PLURALS.values()] == [
                sum(row[0] == kind for row in mine) for kind in PLURALS
            ]


@settings(max_examples=25, deadline=None)
@given(rows, rows, st.randoms(use_true_random=False))
def test_neither_the_order_nor_any_later_event_changes_anything(world, drawn, later, random):
    mixed = [*drawn, *((kind, -age, *rest) for kind, age, *rest in later)]
    random.shuffle(mixed)

    assert_frame_equal(features(world, *drawn), features(world, *mixed), check_exact=True)
