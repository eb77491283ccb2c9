from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_contracts.documents import EventWeights
from data_contracts.feature_tables import PLURALS, USER_FEATURES
from data_contracts.feature_tables import user_features as table
from data_contracts.tables import EVENT_TYPES
from recsys_pipelines.contract import schema
from recsys_pipelines.features.users import user_features

WEIGHTS = EventWeights(view=0.1, click=0.2, add=0.5, purchase=1.0, custom=0)
NOBODY = pl.DataFrame(schema={"user_id": pl.String, "segment": pl.String})
NO_VECTORS = pl.DataFrame(schema={"user_id": pl.String, "embedding": pl.String})
moments = st.sampled_from((0.001, 0.5, 1.0, 1.5, 7.0, 7.25, 28.0, 89.0, 90.0, 90.5, 200.0))
rows = st.lists(
    st.tuples(
        st.sampled_from(EVENT_TYPES),
        moments,
        st.sampled_from((None, "ann", "bob")),
        st.sampled_from((None, "a", "b", "c", "d", "unknown")),
        st.sampled_from((None, 0.5, 2.0, 3.0)),
        st.sampled_from((None, None, 777)),
        st.sampled_from((None, "phone", "tablet")),
    ),
    max_size=30,
)


def features(world, events, shelf=None, users=NOBODY, vectors=NO_VECTORS, most=5):
    return user_features(world.known(events), shelf or world.goods(), users, vectors, WEIGHTS, most)


def row(world, *events, **given):
    return features(world, world.events(*events), **given).row(0, named=True)


def test_the_columns_are_those_of_the_contract(world):
    found = features(world, world.events(("view", 1, "ann", "a")))

    assert found.schema == schema(USER_FEATURES)


def test_no_events_give_no_rows_with_the_columns_of_the_contract(world):
    found = features(world, world.events())

    assert found.is_empty()
    assert found.schema == schema(USER_FEATURES)


def test_every_event_type_has_a_column():
    assert tuple(PLURALS) == EVENT_TYPES


def test_a_tenant_has_the_windows_that_it_asks_for(world):
    known = world.known(world.events(("view", 2, "ann", "a")), (3, 30))

    found = user_features(known, world.goods(), NOBODY, NO_VECTORS, WEIGHTS, 5)

    assert found.schema == schema(table((3, 30)))
    assert found.select("views_3d", "views_30d").rows() == [(1, 1)]


def test_recency_counts_days_since_the_newest_event(world):
    found = row(world, ("view", 3, "ann", "a"), ("view", 1.5, "ann", "b"))

    assert (found["recency_days"], found["last_seen"]) == (1.5, world.NOW - timedelta(days=1.5))


def test_frequency_is_counted_by_type_and_window(world):
    found = row(world, ("view", 0.5, "ann", "a"), ("view", 5, "ann", "a"), ("add", 20, "ann", "b"))

    assert [found[f"events_{days}d"] for days in (1, 7, 28, 90)] == [1, 2, 3, 3]
    assert [found[f"views_{days}d"] for days in (1, 7, 28, 90)] == [1, 2, 2, 2]
    assert [found[f"adds_{days}d"] for days in (1, 7, 28, 90)] == [0, 0, 1, 1]
    assert [found[f"items_{days}d"] for days in (1, 7, 28, 90)] == [1, 1, 2, 2]


def test_an_event_at_the_instant_itself_is_not_known_yet(world):
    assert features(world, world.events(("view", 0, "ann", "a"))).is_empty()


@pytest.mark.parametrize(
    ("purchase", "expected"),
    [
        pytest.param(("purchase", 1, "ann", "a", None, 1234), 1234, id="what was paid"),
        pytest.param(("purchase", 1, "ann", "a", 3.0, 1234), 1234, id="what was paid is for all of them"),
        pytest.param(("purchase", 1, "ann", "a"), 1000, id="else the price"),
        pytest.param(("purchase", 1, "ann", "a", 3.0), 3000, id="times the quantity"),
        pytest.param(("purchase", 1, "ann", "c", 3.0), 0, id="nobody knows the price"),
        pytest.param(("view", 1, "ann", "a", 3.0, 99), 0, id="nothing was bought"),
    ],
)
def test_money_is_what_was_paid(world, purchase, expected):
    assert row(world, purchase)["monetary_minor_1d"] == expected


def test_a_purchase_costs_what_the_item_cost_then(world):
    prices = [("a", 100, 10), ("a", 20, 17), ("a", 5, 99)]

    found = row(
        world, ("purchase", 50, "ann", "a"), ("purchase", 20, "ann", "a", 2.0), shelf=world.goods(prices=prices)
    )

    assert (found["monetary_minor_90d"], found["monetary_minor_28d"]) == (10 + 2 * 17, 2 * 17)


def test_leanings_are_shares_of_the_weight_best_first(world):
    found = row(
        world,
        ("purchase", 1, "ann", "c"),  # home, Acme: 1.0
        ("add", 2, "ann", "a"),  # audio, Acme: 0.5
        ("add", 3, "ann", "b"),  # audio, Bolt: 0.5
        ("view", 3, "ann", "d"),  # neither
    )

    assert (found["categories"], found["category_shares"]) == (["audio", "home"], [0.5, 0.5])
    assert (found["brands"], found["brand_shares"]) == (["Acme", "Bolt"], [0.75, 0.25])


def test_only_the_strongest_leanings_are_kept_with_their_share_of_all(world):
    found = row(world, ("purchase", 1, "ann", "c"), ("view", 2, "ann", "a"), ("view", 3, "ann", "b"), most=1)

    assert found["categories"] == ["home"]
    assert found["category_shares"] == pytest.approx([1 / 1.2])


def test_what_weighs_nothing_is_no_leaning(world):
    found = row(world, ("custom", 1, "ann", "a"))

    assert (found["categories"], found["brands"]) == ([], [])


def test_segment_and_vector_are_where_there_are_any(world):
    users = pl.DataFrame({"user_id": ["ann", "idle"], "segment": ["vip", "vip"]})
    vectors = pl.DataFrame({"user_id": ["ann"], "embedding": ["als/user/ann"]})
    events = world.events(("view", 1, "ann", "a"), ("view", 1, "bob", "a"))

    found = features(world, events, users=users, vectors=vectors)

    assert found.select("user_id", "segment", "embedding").rows() == [
        ("ann", "vip", "als/user/ann"),
        ("bob", None, None),
    ]


def test_what_a_device_did_before_its_login_is_the_users(world):
    events = world.events(
        ("view", 5, None, "a", None, None, "phone"),
        ("view", 3, "ann", "a", None, None, "phone"),
        ("view", 2, None, "b", None, None, "kiosk"),
    )

    assert features(world, events).select("user_id", "views_90d").rows() == [("ann", 2), ("kiosk", 1)]


def test_a_login_to_come_is_not_known_yet(world):
    events = world.events(("view", 5, None, "a", None, None, "phone"), ("view", -1, "ann", "a", None, None, "phone"))

    assert features(world, events)["user_id"].to_list() == ["phone"]


@settings(max_examples=40, deadline=None)
@given(rows)
def test_features_are_what_one_would_count_by_hand(world, drawn):
    found = features(world, world.events(*drawn))

    expected = by_hand(world, drawn)
    columns = [f"{name}_{days}d" for name in ("events", *PLURALS.values(), "items") for days in (1, 7, 28, 90)]
    assert found["user_id"].to_list() == sorted(expected)
    assert [each for each in found.iter_rows(named=True) if counts(each, columns) != expected[each["user_id"]]] == []


@settings(max_examples=25, deadline=None)
@given(rows, rows, st.randoms(use_true_random=False))
def test_neither_the_order_nor_any_later_event_changes_anything(world, drawn, later, random):
    later = [(kind, -age, *rest) for kind, age, *rest in later]
    mixed = [*drawn, *later]
    random.shuffle(mixed)

    assert_frame_equal(features(world, world.events(*drawn)), features(world, world.events(*mixed)), check_exact=True)


def counts(row, columns):
    money = {f"monetary_minor_{days}d": row[f"monetary_minor_{days}d"] for days in (1, 7, 28, 90)}
    return {name: row[name] for name in columns} | money


def by_hand(world, drawn):
    """Every count of every person, by walking over the rows."""
    recent = [row for row in drawn if 0 < row[1] <= 90]
    owners = {}
    for *_, user, _item, _value, _amount, device in recent:
        if user and device:
            owners.setdefault(device, set()).add(user)
    prices = {"a": 1000, "b": 250, "d": 40}
    found = {}
    for kind, age, user, item, value, amount, device in recent:
        own = owners.get(device, set())
        person = user or (next(iter(own)) if len(own) == 1 else device)
        if person is None:
            continue
        mine = found.setdefault(person, {"items": {days: set() for days in (1, 7, 28, 90)}})
        for days in (1, 7, 28, 90):
            for name in ("events", PLURALS[kind]):
                mine[f"{name}_{days}d"] = mine.get(f"{name}_{days}d", 0) + (age <= days)
            if age <= days and item in ("a", "b", "c", "d", "new"):
                mine["items"][days].add(item)
            cost = amount if amount is not None else round(prices.get(item, 0) * (1 if value is None else value))
            paid = f"monetary_minor_{days}d"
            mine[paid] = mine.get(paid, 0) + (cost if kind == "purchase" and age <= days else 0)
    return {
        person: {f"{name}_{days}d": 0 for name in ("events", *PLURALS.values()) for days in (1, 7, 28, 90)}
        | {f"items_{days}d": len(items) for days, items in mine.pop("items").items()}
        | mine
        for person, mine in found.items()
    }
