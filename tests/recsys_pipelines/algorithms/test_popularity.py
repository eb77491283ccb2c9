import dataclasses
from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms.popularity import Popularity

NOW = datetime(2026, 1, 29, tzinfo=UTC)


def data(rows, users=None):
    """Training data from (user, item, weight, age in days); tea and coffee are drinks, bread is food, salt neither."""
    interactions = pl.DataFrame(
        [(user, item, weight, NOW - timedelta(days=age), 1) for user, item, weight, age in rows],
        schema=["user_id", "item_id", "weight", "last_ts", "count"],
        orient="row",
    )
    catalog = pl.DataFrame(
        {"item_id": ["bread", "coffee", "salt", "tea"], "category": ["food", "drinks", None, "drinks"]}
    )
    return TrainingData(interactions, catalog, now=NOW, users=pl.DataFrame(users or {}))


ROWS = [("ann", "tea", 3.0, 0), ("ann", "bread", 2.0, 0), ("bob", "coffee", 1.0, 0), ("cid", "tea", 2.0, 0)]


def lists(table):
    """What each segment's list says, in order."""
    return {
        segment: list(rows.select("item_id", "score").iter_rows())
        for (segment,), rows in table.group_by("segment", maintain_order=True)
    }


def test_a_score_is_the_share_of_the_weight():
    table = Popularity(per_category=False).fit(data(ROWS))

    assert lists(table) == {"": [("tea", 5 / 8), ("bread", 2 / 8), ("coffee", 1 / 8)]}


def test_each_category_has_its_own_list():
    table = Popularity().fit(data(ROWS))

    assert lists(table) == {
        "": [("tea", 5 / 8), ("bread", 2 / 8), ("coffee", 1 / 8)],
        "category:drinks": [("tea", 5 / 6), ("coffee", 1 / 6)],
        "category:food": [("bread", 1.0)],
    }


def test_an_item_without_a_category_is_in_the_list_for_everybody_only():
    table = Popularity().fit(data([("ann", "salt", 1.0, 0)]))

    assert lists(table) == {"": [("salt", 1.0)]}


def test_ties_go_to_the_smaller_id():
    table = Popularity(per_category=False).fit(data([("ann", "tea", 1.0, 0), ("bob", "bread", 1.0, 0)]))

    assert lists(table) == {"": [("bread", 1 / 2), ("tea", 1 / 2)]}


def test_a_list_is_cut_at_its_limit_and_keeps_its_shares():
    table = Popularity(limit=1).fit(data(ROWS))

    assert lists(table) == {
        "": [("tea", 5 / 8)],
        "category:drinks": [("tea", 5 / 6)],
        "category:food": [("bread", 1.0)],
    }


def test_a_short_half_life_shows_what_is_new():
    """Six days are three half-lives: 8 -> 1; two days are one: 2 -> 1."""
    rows = [("ann", "tea", 8.0, 6), ("bob", "bread", 2.0, 0), ("cid", "coffee", 2.0, 2)]

    table = Popularity(half_life_days=2, per_category=False).fit(data(rows))

    assert lists(table) == {"": [("bread", 2 / 4), ("coffee", 1 / 4), ("tea", 1 / 4)]}


def test_what_lies_in_the_future_counts_as_now():
    rows = [("ann", "tea", 1.0, -5), ("bob", "bread", 1.0, 0)]

    table = Popularity(half_life_days=1, per_category=False).fit(data(rows))

    assert lists(table) == {"": [("bread", 1 / 2), ("tea", 1 / 2)]}


def test_a_user_segment_has_a_list_of_its_users():
    users = {"user_id": ["ann", "bob", "cid", "dan"], "segment": ["vip", "default", "vip", "new"]}

    table = Popularity(per_category=False, per_user_segment=True).fit(data(ROWS, users))

    assert lists(table)["vip"] == [("tea", 5 / 7), ("bread", 2 / 7)]
    assert set(lists(table)) == {"", "vip"}


def test_without_a_table_of_users_there_are_no_lists_of_theirs():
    table = Popularity(per_category=False, per_user_segment=True).fit(data(ROWS))

    assert set(lists(table)) == {""}


PEOPLE = [f"p{n}" for n in range(12)]


def members(*said, segment=None):
    """Users p0, p1... with these traits, each of whom had tea, and every third one bread."""
    users = {"user_id": PEOPLE[: len(said)], "segment": [segment] * len(said), "traits": said}
    rows = [(id, "tea", 1.0, 0) for id in users["user_id"]] + [(id, "bread", 1.0, 0) for id in users["user_id"][::3]]
    return data(rows, users)


def by_trait(**settings):
    usual = {"per_category": False, "per_trait": ("loyalty",), "minimum_people": 5, "trait_shrinkage": 0}
    return Popularity(**(usual | settings))


def test_who_shares_a_value_of_a_trait_has_a_list_of_their_own():
    gold, silver = '{"loyalty":"gold"}', '{"loyalty":"silver"}'

    table = by_trait().fit(members(*[gold, silver] * 5))

    assert lists(table) == {
        "": [("tea", 10 / 14), ("bread", 4 / 14)],
        "loyalty=gold": [("tea", 5 / 7), ("bread", 2 / 7)],
        "loyalty=silver": [("tea", 5 / 7), ("bread", 2 / 7)],
    }


APART = [(id, "tea" if number < 5 else "bread", 1.0, 0) for number, id in enumerate(PEOPLE[:10])]
COLORS = {
    "user_id": PEOPLE[:10],
    "segment": ["a"] * 10,
    "traits": ['{"loyalty":"gold"}'] * 5 + ['{"loyalty":"red"}'] * 5,
}


@pytest.mark.parametrize(
    ("shrinkage", "expected"),
    [
        pytest.param(0, [("tea", 1.0)], id="none"),
        pytest.param(5, [("tea", 7.5 / 10), ("bread", 2.5 / 10)], id="as many as there are"),
        pytest.param(15, [("tea", 12.5 / 20), ("bread", 7.5 / 20)], id="three times as many"),
    ],
)
def test_people_of_the_average_taste_join_a_list_by_trait(shrinkage, expected):
    """Five gold customers had tea, five red ones bread: on average half of each."""
    table = by_trait(trait_shrinkage=shrinkage).fit(data(APART, COLORS))

    assert lists(table)["loyalty=gold"] == [item for item in expected if item[1] > 0]


def test_nobody_joins_the_list_of_a_segment():
    table = by_trait(trait_shrinkage=15, per_user_segment=True).fit(data(APART, COLORS))

    assert lists(table)["a"] == [("bread", 1 / 2), ("tea", 1 / 2)]


def test_of_what_others_had_only_the_head_of_everybodys_list_is_joined():
    """Everybody's list begins with bread: the golden ones' has that and their own tea, the red ones' bread and salt."""
    rows = [*APART, ("p9", "salt", 3.0, 0)]

    table = by_trait(trait_shrinkage=10, limit=1).fit(data(rows, COLORS))

    assert lists(table)["loyalty=gold"] == [("tea", 10 / 15)]
    assert lists(table)["loyalty=red"] == [("bread", 10 / 16)]


def test_a_value_of_too_few_people_has_no_list():
    """Of the twelve who are gold only four have done anything."""
    users = {"user_id": PEOPLE, "segment": [None] * 12, "traits": ['{"loyalty":"gold"}'] * 12}

    table = by_trait().fit(data([(id, "tea", 1.0, 0) for id in PEOPLE[:4]], users))

    assert set(lists(table)) == {""}


def test_the_spelling_of_a_value_does_not_matter_and_what_is_no_value_does_not_count():
    said = [
        '{"loyalty":"Gold"}',
        '{"loyalty":" gold "}',
        '{"loyalty":"GOLD"}',
        '{"loyalty":"gold\\n"}',
        '{"loyalty":"gold"}',
    ]
    nothing = ["gold", "[1]", '{"loyalty":{"level":"gold"}}', '{"loyalty":null}', '{"loyalty":""}', "{}", None]

    table = by_trait().fit(members(*said, *nothing))

    assert lists(table)["loyalty=gold"] == [("tea", 5 / 7), ("bread", 2 / 7)]
    assert set(lists(table)) == {"", "loyalty=gold"}


def test_each_trait_has_lists_also_truths_and_numbers():
    table = by_trait(per_trait=("newsletter", "children")).fit(members(*['{"newsletter":true,"children":2.0}'] * 5))

    assert set(lists(table)) == {"", "newsletter=true", "children=2"}


def test_a_segment_that_is_called_as_a_traits_list_is_one_with_it():
    shop = members(*['{"loyalty":"gold"}'] * 5, *[None] * 2, segment="loyalty=gold")

    table = by_trait(per_user_segment=True).fit(shop)

    assert lists(table)["loyalty=gold"] == lists(table)[""] == [("tea", 7 / 10), ("bread", 3 / 10)]


def test_a_segment_that_is_called_as_a_categorys_list_reads_that():
    users = {"user_id": ["ann"], "segment": ["category:drinks"]}

    table = Popularity(per_user_segment=True).fit(data(ROWS, users))

    assert lists(table)["category:drinks"] == [("tea", 5 / 6), ("coffee", 1 / 6)]


def test_the_order_of_users_and_interactions_does_not_change_a_bit():
    shop = members(*['{"loyalty":"gold","locale":"de"}', '{"locale":"en"}'] * 6)
    mixed = dataclasses.replace(shop, interactions=shop.interactions.reverse(), users=shop.users.reverse())
    settings = by_trait(per_trait=("locale", "loyalty"))

    assert_frame_equal(settings.fit(shop), settings.fit(mixed), check_exact=True)


def test_users_without_traits_have_no_lists_by_trait():
    users = {"user_id": ["ann"], "segment": ["vip"]}

    assert set(lists(by_trait().fit(data(ROWS, users)))) == {""}
    assert set(lists(by_trait().fit(data(ROWS)))) == {""}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        pytest.param({"minimum_people": 4}, "Expected `int` >= 5", id="a list of four people"),
        pytest.param({"per_trait": ["preferred_categories"]}, "a test must not know", id="what is learned from events"),
        pytest.param({"per_trait": ["a=b"]}, "Expected `str` matching regex", id="no name for a trait"),
    ],
)
def test_lists_that_must_not_be_are_refused(settings, complaint):
    with pytest.raises(msgspec.ValidationError, match=complaint):
        msgspec.convert(settings, Popularity)


def test_weights_of_zero_are_no_popularity():
    table = Popularity().fit(data([("ann", "tea", 0.0, 0), ("bob", "bread", 0.0, 0)]))

    assert table.is_empty()


@pytest.mark.parametrize("seed", range(5))
def test_it_equals_a_count_by_hand(seed):
    rows = pl.DataFrame({"u": range(200)}).select(
        user=pl.format("u{}", pl.col("u") % 20),
        item=pl.col("u").shuffle(seed=seed).replace_strict(range(200), ["tea", "coffee", "bread", "salt"] * 50),
        weight=(pl.col("u") % 7).cast(pl.Float64),
        age=pl.lit(0),
    )

    table = Popularity(per_category=False).fit(data(list(rows.iter_rows())))

    totals = {item: sum(w for _, i, w, _ in rows.iter_rows() if i == item) for item in table["item_id"]}
    assert dict(table.select("item_id", "score").iter_rows()) == {
        item: total / sum(totals.values()) for item, total in totals.items()
    }
