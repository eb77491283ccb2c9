from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.documents import EventWeights, Interactions
from data_contracts.tables import INTERACTIONS
from recsys_pipelines.contract import schema
from recsys_pipelines.interactions import history, interactions, seen

NOW = datetime(2026, 2, 1, tzinfo=UTC)
SCHEMA = {
    "event_id": pl.String,
    "ts": pl.Datetime("us", "UTC"),
    "type": pl.String,
    "user_id": pl.String,
    "anonymous_id": pl.String,
    "item_id": pl.String,
    "value": pl.Float64,
}


def events(*rows):
    """(type, days before NOW, user_id, item_id, value)"""
    return pl.DataFrame(
        [
            (f"e{n}", NOW - timedelta(days=age), kind, user, None, item, value)
            for n, (kind, age, user, item, value) in enumerate(rows)
        ],
        schema=SCHEMA,
        orient="row",
    )


def weight_of(rows, settings=None):
    return interactions(rows, settings or Interactions(), now=NOW)["weight"].to_list()


@pytest.mark.parametrize(
    ("kind", "expected"), [("view", 0.05), ("click", 0.2), ("add", 0.7), ("purchase", 1.0), ("custom", 0.1)]
)
def test_an_event_of_now_counts_with_the_weight_of_its_type(kind, expected):
    assert weight_of(events((kind, 0, "ann", "a", None))) == [expected]


def test_an_event_as_old_as_the_half_life_counts_half():
    assert weight_of(events(("purchase", 30, "ann", "a", None))) == pytest.approx([0.5])


def test_without_a_half_life_age_does_not_matter():
    assert weight_of(events(("purchase", 300, "ann", "a", None)), Interactions(half_life_days=None)) == [1.0]


def test_a_clock_that_runs_ahead_does_not_make_an_event_count_more():
    assert weight_of(events(("purchase", -1, "ann", "a", None))) == [1.0]


def test_events_of_a_pair_add_up():
    pair = interactions(
        events(("view", 0, "ann", "a", None), ("purchase", 30, "ann", "a", None)), Interactions(), now=NOW
    )

    assert pair.select("user_id", "item_id", "count", "last_ts").rows() == [("ann", "a", 2, NOW)]
    assert pair["weight"].to_list() == pytest.approx([0.55])


def test_a_value_scales_only_the_types_that_say_so():
    rows = events(("view", 0, "ann", "a", 0.5), ("purchase", 0, "ann", "b", 3.0))

    assert weight_of(rows, Interactions(scaled_by_value=("view",))) == [0.025, 1.0]


def test_a_rating_below_the_minimum_does_not_count():
    rows = events(("custom", 0, "ann", "a", 2.0), ("custom", 0, "ann", "b", 3.0), ("custom", 0, "ann", "c", None))

    pairs = interactions(rows, Interactions(minimum_value={"custom": 3.0}), now=NOW)

    assert pairs["item_id"].to_list() == ["b"]


def test_nobody_and_nothing_are_no_interaction():
    rows = events(("view", 0, None, "a", None), ("custom", 0, "ann", None, None))

    assert interactions(rows, Interactions(), now=NOW).is_empty()


def test_a_weight_of_zero_leaves_no_pair():
    settings = Interactions(weights=EventWeights(view=0))

    assert interactions(events(("view", 0, "ann", "a", None)), settings, now=NOW).is_empty()


def test_items_that_the_catalog_does_not_have_are_left_out():
    rows = events(("view", 0, "ann", "a", None), ("view", 0, "ann", "gone", None))

    pairs = interactions(rows, Interactions(), now=NOW, catalog=pl.DataFrame({"item_id": ["a"]}))

    assert pairs["item_id"].to_list() == ["a"]


def test_the_order_of_events_does_not_matter():
    rows = events(*((kind, n / 7, f"u{n % 3}", f"i{n % 5}", None) for n in range(50) for kind in ("view", "add")))
    shuffled = rows.sample(fraction=1, shuffle=True, seed=3)

    assert_frame_equal(
        interactions(rows, Interactions(), now=NOW), interactions(shuffled, Interactions(), now=NOW), check_exact=True
    )


def test_a_category_may_have_a_half_life_of_its_own():
    rows = events(("purchase", 10, "ann", "a", None), ("purchase", 10, "ann", "b", None))
    catalog = pl.DataFrame({"item_id": ["a", "b"], "category": ["fashion", None]})
    settings = Interactions(half_life_days=20, half_life_by_category={"fashion": 5})

    pairs = interactions(rows, settings, now=NOW, catalog=catalog)

    assert pairs["weight"].to_list() == pytest.approx([2**-2, 2**-0.5])


def test_a_category_may_decay_where_nothing_else_does():
    rows = events(("purchase", 10, "ann", "a", None), ("purchase", 10, "ann", "b", None))
    catalog = pl.DataFrame({"item_id": ["a", "b"], "category": ["news", "books"]})
    settings = Interactions(half_life_days=None, half_life_by_category={"news": 10})

    assert interactions(rows, settings, now=NOW, catalog=catalog)["weight"].to_list() == pytest.approx([0.5, 1.0])


def test_what_a_visitor_did_before_logging_in_counts_for_the_user():
    rows = events(("view", 0, None, "a", None), ("purchase", 0, "ann", "a", None), ("view", 0, None, "b", None))
    rows = rows.with_columns(anonymous_id=pl.Series(["d1", "d1", "d2"]))

    pairs = interactions(rows, Interactions(), now=NOW)

    assert pairs.select("user_id", "item_id", "count").rows() == [("ann", "a", 2), ("d2", "b", 1)]
    assert seen(rows)["view"].select("user_id", "item_id").rows() == [("ann", "a"), ("d2", "b")]


def test_no_events_give_no_pairs_with_the_columns_of_the_contract():
    nothing = events().cast(SCHEMA)

    assert interactions(nothing, Interactions(), now=NOW).schema == schema(INTERACTIONS)
    assert seen(nothing) == {}


def test_a_history_of_nothing_is_empty():
    pairs = pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "weight": [1.0]})

    assert history(pairs, 0).is_empty()


def test_history_holds_the_strongest_of_each_user():
    pairs = pl.DataFrame({"user_id": ["b", "a", "a", "a"], "item_id": ["x", "z", "y", "x"], "weight": [1.0, 2, 2, 3]})

    assert history(pairs, 2).rows() == [("a", "x", 3.0), ("a", "y", 2.0), ("b", "x", 1.0)]


def test_seen_holds_the_newest_day_by_type():
    rows = events(("view", 2, "ann", "a", None), ("view", 1, "ann", "a", None), ("purchase", 0.5, "ann", "a", None))

    found = seen(rows)

    epoch_day = NOW.timestamp() / 86_400
    assert found["view"].rows() == [("ann", "a", epoch_day - 1)]
    assert found["purchase"].rows() == [("ann", "a", epoch_day - 0.5)]
