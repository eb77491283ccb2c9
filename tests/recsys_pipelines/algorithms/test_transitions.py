from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms.transitions import Transitions

NOW = datetime(2026, 1, 29, tzinfo=UTC)
INTERACTIONS = {
    "user_id": pl.String,
    "item_id": pl.String,
    "weight": pl.Float64,
    "last_ts": pl.Datetime("us", "UTC"),
    "count": pl.Int64,
}
EVENTS = {
    "ts": pl.Datetime("us", "UTC"),
    "type": pl.String,
    "user_id": pl.String,
    "anonymous_id": pl.String,
    "session_id": pl.String,
    "item_id": pl.String,
}


def data(visits, categories=None, items="abcd", ages=()):
    """Training data from visits such as "abc", a view a minute, each so many days ago (0 where nothing is said)."""
    rows = [
        (NOW - timedelta(days=age) + timedelta(minutes=minute), "view", f"u{number}", None, f"s{number}", item)
        for number, (visit, age) in enumerate(zip(visits, [*ages, *[0] * len(visits)], strict=False))
        for minute, item in enumerate(visit, start=-20)
    ]
    catalog = pl.DataFrame({"item_id": list(items)})
    if categories:
        catalog = catalog.with_columns(category=pl.Series(list(categories)))
    events = pl.DataFrame(rows, schema=EVENTS, orient="row")
    return TrainingData(pl.DataFrame(schema=INTERACTIONS), catalog, [events.lazy()], now=NOW)


def neighbours(table):
    """Each item's neighbours with their scores, the best first."""
    return {
        item: dict(rows.select("neighbor_id", "score").iter_rows())
        for (item,), rows in table.group_by("item_id", maintain_order=True)
    }


def test_the_score_is_the_share_of_the_steps_that_go_there():
    found = neighbours(Transitions(back_off="none").fit(data(["abc", "ab", "ac", "d"])))

    assert found == {"a": {"b": 2 / 3, "c": 1 / 3}, "b": {"c": 1.0}}


def test_an_item_that_is_looked_at_again_and_again_is_one_step():
    found = neighbours(Transitions(back_off="none").fit(data(["aaab", "aba"])))

    assert found == {"a": {"b": 1.0}, "b": {"a": 1.0}}


def test_what_comes_later_counts_by_its_distance():
    found = neighbours(Transitions(back_off="none", reach=3).fit(data(["abcd", "aba"])))

    assert found["a"] == {
        "b": pytest.approx(2 / (2 + 1 / 2 + 1 / 3)),
        "c": pytest.approx(1 / 2 / (17 / 6)),
        "d": pytest.approx(1 / 3 / (17 / 6)),
    }
    assert found["b"] == {"a": 1 / 2.5, "c": 1 / 2.5, "d": 0.5 / 2.5}


def test_old_steps_count_less():
    found = neighbours(Transitions(back_off="none", half_life_days=1.0).fit(data(["ab", "ac"], ages=[2, 1])))

    assert found["a"] == pytest.approx({"c": 2 / 3, "b": 1 / 3}, rel=1e-12)
    assert list(found["a"]) == ["c", "b"]


def test_what_was_in_a_visit_a_half_life_ago_counts_half_in_the_back_off_too():
    """No step from b: half of a visit with a and a whole one with c, within the minutes that a visit takes."""
    settings = Transitions(back_off="visit", half_life_days=1.0)

    found = neighbours(settings.fit(data(["ab", "cb"], ages=[1, 0])))

    assert found["b"] == pytest.approx({"c": 2 / 3, "a": 1 / 3}, rel=1e-3)


def test_steps_so_old_that_nothing_is_left_of_them_are_none():
    table = Transitions(half_life_days=0.001).fit(data(["ab"], ages=[20]))

    assert table.height == 0


def test_an_item_that_is_always_last_backs_off_to_what_was_before_it():
    """No step from b; with a in one visit, with c in another: 5 x 1/2 of 5."""
    found = neighbours(Transitions(back_off="visit", trust=5.0).fit(data(["ab", "cb"])))

    assert found["b"] == {"a": 0.5, "c": 0.5}
    assert found["a"] == {"b": (1 + 5 * 1) / (1 + 5)}


def test_what_nobody_has_seen_backs_off_to_its_category():
    """d is of the category x of a. One step x -> y, and popularity is 1/2 each, so y follows x with (1 + 1/2) / 2."""
    found = neighbours(Transitions(trust=1.0).fit(data(["ab"], categories="xyyx")))

    assert found["d"] == {"b": 0.75, "a": 0.25}


def test_the_levels_are_joined_from_the_least_to_the_most_particular():
    """Of a: 1 step to b, in a visit with b and c once each; category x leans to y with 3/4 and to x with 1/4."""
    found = neighbours(Transitions(trust=1.0).fit(data(["ab", "ca"], categories="xyxx")))

    popular = {"b": 1 / 4, "c": 1 / 4}  # and a one half
    leaning = {"x": (1 + 1 * 3 / 4) / (2 + 1), "y": (1 + 1 * 1 / 4) / (2 + 1)}
    category = {"b": leaning["y"] * popular["b"] / (1 / 4), "c": leaning["x"] * popular["c"] / (3 / 4)}
    visit = {item: (1 + category[item]) / (2 + 1) for item in "bc"}
    assert found["a"] == pytest.approx({"b": (1 + visit["b"]) / (1 + 1), "c": (0 + visit["c"]) / (1 + 1)}, rel=1e-12)


def test_without_categories_the_popular_follows():
    found = neighbours(Transitions(trust=1.0).fit(data(["ab", "b"])))

    assert found["d"] == pytest.approx({"b": 2 / 3, "a": 1 / 3}, rel=1e-12)


def test_all_that_may_follow_adds_up_to_one():
    visits = ["".join(visit) for visit in np.random.default_rng(0).choice(list("abcdef"), (30, 5))]

    table = Transitions(trust=2.0, reach=2).fit(data(visits, categories="xxyyzz", items="abcdef"))

    # What is left is the share of the item itself, which only its category gives.
    totals = table.group_by("item_id").agg(pl.col("score").sum())["score"]
    assert totals.is_between(0.9, 1.0).all()


def test_the_nearest_are_a_prefix_of_all():
    visits = ["".join(visit) for visit in np.random.default_rng(1).choice(list("abcdef"), (30, 5))]
    given = data(visits, categories="xxyyzz", items="abcdef")

    few = Transitions(neighbors=2).fit(given)

    assert few.equals(Transitions().fit(given).group_by("item_id", maintain_order=True).head(2))


def test_only_the_types_that_are_asked_for_are_steps():
    assert Transitions(types=("purchase",)).fit(data(["abc"])).height == 0


@pytest.mark.parametrize(
    "visits", [[], ["a"], ["aaaa"], ["zz"]], ids=["no events", "one item", "one item again", "unknown items"]
)
def test_where_nothing_follows_there_are_no_neighbours(visits):
    assert Transitions(back_off="none").fit(data(visits)).height == 0
