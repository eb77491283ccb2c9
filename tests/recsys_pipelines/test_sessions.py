from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.identity import NOTHING
from recsys_pipelines.sessions import basket_items, steps

NOW = datetime(2026, 1, 29, tzinfo=UTC)
MORNING = datetime(2026, 1, 20, 9, tzinfo=UTC)
COLUMNS = ("minute", "type", "user_id", "anonymous_id", "session_id", "order_id", "item_id")


def data(rows, items="abcdef", missing=()):
    """Training data from events (minutes after nine, type, user, device, visit, order, item), one frame a day."""
    events = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String) | {"minute": pl.Int64}, orient="row")
    timed = events.with_columns(ts=pl.lit(MORNING) + pl.duration(minutes="minute")).drop("minute", *missing)
    days = timed.group_by(pl.col("ts").dt.date(), maintain_order=True)
    interactions = pl.DataFrame(
        schema={
            "user_id": pl.String,
            "item_id": pl.String,
            "weight": pl.Float64,
            "last_ts": pl.Datetime("us", "UTC"),
            "count": pl.Int64,
        }
    )
    return TrainingData(interactions, pl.DataFrame({"item_id": list(items)}), [day.lazy() for _, day in days], now=NOW)


def baskets(found):
    """The items of every basket, in order."""
    rows = found.rows.with_columns(item_id=found.items.gather(found.rows["item"]))
    return ["".join(row) for row in rows.group_by("basket", maintain_order=True).agg("item_id")["item_id"].to_list()]


VISITS = [
    (0, "view", "ann", None, "s1", None, "a"),
    (5, "view", "ann", None, "s1", None, "b"),
    (300, "purchase", "ann", None, "s1", "o1", "c"),
    (1, "view", "bob", None, "s1", None, "d"),
    (2, "view", "bob", None, "s2", None, "a"),
    (3, "purchase", "bob", None, "s2", "o2", "e"),
    (4, "purchase", "bob", None, "s2", "o2", "f"),
]


@pytest.mark.parametrize(
    ("basket", "expected"),
    [
        pytest.param("user", ["abc", "daef"], id="a person"),
        pytest.param("session", ["abc", "d", "aef"], id="a session id of one person, however long"),
        pytest.param("order", ["ef", "c", "ab", "d", "a"], id="an order, else the visit"),
    ],
)
def test_events_are_grouped_in_the_order_of_time(basket, expected):
    found = steps(data(VISITS), basket)

    assert baskets(found) == expected


def test_a_visit_without_an_id_ends_with_a_pause():
    rows = [
        (minute, "view", "ann", None, None, None, item)
        for minute, item in [(0, "a"), (30, "b"), (61, "c"), (1500, "d")]
    ]

    assert baskets(steps(data(rows), "session")) == ["ab", "c", "d"]
    assert baskets(steps(data(rows), "session", gap_minutes=31)) == ["abc", "d"]


def test_a_login_counts_whatever_type_of_event_it_is():
    """Also one that names no item, and is not asked for."""
    rows = [
        (0, "purchase", None, "phone", None, None, "a"),
        (1, "custom", "ann", "phone", None, None, None),
        (9000, "purchase", "ann", None, None, None, "b"),
    ]

    assert baskets(steps(data(rows), "user", types=("purchase",))) == ["ab"]


def test_what_was_said_of_a_device_counts():
    rows = [(0, "view", None, "phone", None, None, "a"), (1, "view", "ann", None, None, None, "b")]
    said = NOTHING._replace(linked={"phone": "ann"})

    assert baskets(steps(data(rows), "user")) == ["b", "a"]
    assert baskets(steps(replace(data(rows), identity=said), "user")) == ["ab"]


def test_a_device_that_is_called_as_a_user_without_events_is_nobody():
    shop = data([(0, "view", None, "ann", None, None, "a"), (1, "view", "bob", None, None, None, "b")])

    assert baskets(steps(replace(shop, users=pl.DataFrame({"user_id": ["ann"]})), "user")) == ["b"]


def test_a_device_that_logged_in_is_the_person():
    rows = [
        (0, "view", None, "phone", None, None, "a"),
        (1, "view", "ann", "phone", None, None, "b"),
        (2, "view", "ann", None, None, None, "c"),
    ]

    found = steps(data(rows), "session")

    assert baskets(found) == ["abc"]
    assert found.persons.gather(found.rows["person"]).to_list() == ["ann", "ann", "ann"]


def test_a_visit_of_nobody_counts_where_it_has_an_id():
    rows = [(0, "view", None, None, "s1", None, "a"), (1, "view", None, None, None, None, "b")]

    assert baskets(steps(data(rows), "session")) == ["a"]
    assert baskets(steps(data(rows), "user")) == []


def test_only_the_types_that_are_asked_for_and_items_of_the_catalog_count():
    found = steps(data(VISITS, items="acef"), "session", types=("purchase",))

    assert baskets(found) == ["c", "ef"]


def test_columns_that_the_events_do_not_have_are_empty():
    found = steps(data(VISITS, missing=("anonymous_id", "session_id", "order_id")), "session")

    assert baskets(found) == ["ab", "c", "daef"]


def test_neither_the_order_of_rows_nor_the_days_matter():
    rows = [(0, "view", "ann", None, None, None, item) for item in "fbd"] + [
        (-700, "view", "bob", None, "s", None, "a")
    ]

    one, other = steps(data(rows), "session"), steps(data(rows[::-1]), "session")

    assert baskets(one) == ["a", "bdf"]
    assert one.rows.equals(other.rows)


def test_no_events_are_no_baskets():
    found = steps(data([]), "session")

    assert found.rows.height == 0
    assert basket_items(found, NOW).cells.shape == (0, 0)


def test_a_matrix_of_baskets_has_a_one_for_an_item_that_was_in():
    matrix = basket_items(steps(data([*VISITS, (6, "view", "ann", None, "s1", None, "a")]), "session"), NOW)

    assert matrix.items.to_list() == ["a", "b", "c", "d", "e", "f"]
    assert matrix.cells.toarray().tolist() == [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 1, 1]]


def test_what_was_put_there_long_ago_counts_less():
    rows = [(0, "view", "ann", None, "s1", None, "a"), (24 * 60, "view", "ann", None, "s1", None, "b")]

    matrix = basket_items(steps(data(rows), "session"), MORNING + timedelta(days=3), half_life_days=1.0)

    assert matrix.cells.toarray().tolist() == [[1 / 8, 1 / 4]]
