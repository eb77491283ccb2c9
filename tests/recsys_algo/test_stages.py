"""Filters one by one, in the order in which they stand, on a shop of four items."""

from datetime import UTC, datetime

import numpy as np
import pytest

from data_contracts.documents import ExcludeSeen
from recsys_algo.rank import recommend
from recsys_algo.situation import Constraints
from recsys_algo.stages import STAGES, allowed

SHOP = [
    {
        "item_id": "a",
        "brand": "Acme",
        "category": "shirts",
        "tags": ["red", "cotton"],
        "price_minor": 1000,
        "currency": "EUR",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    },
    {
        "item_id": "b",
        "brand": "Acme",
        "category": "shoes",
        "tags": ["red"],
        "price_minor": 2000,
        "currency": "EUR",
        "created_at": datetime(2026, 1, 2, tzinfo=UTC),
    },
    {
        "item_id": "c",
        "brand": "Bolt",
        "category": "shirts",
        "tags": ["cotton"],
        "price_minor": 1500,
        "currency": "USD",
        "created_at": datetime(2026, 1, 3, tzinfo=UTC),
    },
    {"item_id": "d", "available": False, "tags": ["red", "cotton"]},
]
POPULARITY = [("", item, score) for item, score in zip("abcd", (4.0, 3.0, 2.0, 1.0), strict=True)]
DAY = 20_484  # 2026-01-31, the tests' today, in days since 1970


@pytest.fixture
def bundle(shop):
    return shop(SHOP, popularity=POPULARITY)


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        pytest.param({}, "abc", id="no constraint: all that is available"),
        pytest.param({"available_only": False}, "abcd", id="unavailable items asked for"),
        pytest.param({"include_tags_any": ("red", "cotton")}, "abc", id="any of two tags"),
        pytest.param({"include_tags_all": ("red", "cotton")}, "a", id="all of two tags"),
        pytest.param({"include_tags_all": ("red", "unheard")}, "", id="all of two tags, one that no item has"),
        pytest.param({"include_tags_any": ("red", "unheard")}, "ab", id="any of two tags, one that no item has"),
        pytest.param({"exclude_tags_any": ("red", "silk")}, "c", id="none of two tags"),
        pytest.param({"include_tags_any": ("red",), "exclude_tags_any": ("cotton",)}, "b", id="one tag, not another"),
        pytest.param({"include_tags_any": ("RED",)}, "ab", id="tags in another case"),
        pytest.param({"include_tags_any": ("brand:acme",)}, "ab", id="a brand as a tag"),
        pytest.param({"price_between": (1000, 1500)}, "ac", id="a price range holds both its ends"),
        pytest.param({"price_between": (1001, None)}, "bc", id="a price range without an upper end"),
        pytest.param({"price_between": (None, 1500)}, "ac", id="a price range without a lower end"),
        pytest.param({"price_between": (None, 1500), "currency": "EUR"}, "a", id="a price range in one currency"),
        pytest.param({"price_between": (None, 1500), "currency": "XXX"}, "", id="a currency that no item has"),
        pytest.param({"price_between": (None, None), "available_only": False}, "abc", id="any price, but a known one"),
        pytest.param({"created_after": datetime(2026, 1, 2, tzinfo=UTC)}, "c", id="created after an instant"),
    ],
)
def test_constraints_keep_only_what_fulfils_them(bundle, ask, constraints, expected):
    answer = recommend(bundle, ask(constraints=Constraints(**constraints)))

    assert "".join(item.item_id for item in answer.items) == expected


def test_excluded_ids_are_not_returned(bundle, ask, ids):
    assert ids(recommend(bundle, ask(exclude_ids=("a", "unheard")))) == ["b", "c"]


def test_blocked_items_are_not_returned(shop, ask, ids):
    bundle = shop(SHOP, ranking={"blocked_items": ("b", "unheard")}, popularity=POPULARITY)

    assert ids(recommend(bundle, ask())) == ["a", "c"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(ExcludeSeen(types=("purchase",), days=30), "bc", id="bought within 30 days"),
        pytest.param(ExcludeSeen(types=("purchase",), days=29), "abc", id="bought 30 days ago, 29 count"),
        pytest.param(ExcludeSeen(types=("view",), days=0), "ac", id="viewed today"),
        pytest.param(ExcludeSeen(types=("purchase", "view"), days=30), "c", id="bought or viewed"),
        pytest.param(ExcludeSeen(types=("click",), days=30), "abc", id="an event type that nobody recorded"),
        pytest.param(None, "abc", id="nothing excluded"),
    ],
)
def test_seen_items_are_dropped_by_type_and_age(shop, ask, rule, expected):
    bundle = shop(
        SHOP, popularity=POPULARITY, seen_purchase=[("ann", "a", DAY - 30.0)], seen_view=[("ann", "b", float(DAY))]
    )

    answer = recommend(bundle, ask(user_id="ann", constraints=Constraints(exclude_seen=rule)))

    assert "".join(item.item_id for item in answer.items) == expected


def test_the_surface_says_what_counts_as_seen_unless_the_query_does(shop, ask, ids):
    rule = {"exclude_seen": {"types": ["view"], "days": 5}}
    bundle = shop(SHOP, ranking=rule, popularity=POPULARITY, seen_view=[("ann", "b", DAY - 5.0)])

    assert ids(recommend(bundle, ask(user_id="ann"))) == ["a", "c"]
    assert ids(recommend(bundle, ask(user_id="bob"))) == ["a", "b", "c"]


def test_ages_are_counted_from_the_clock_of_the_query(shop, ask, ids):
    bundle = shop(SHOP, popularity=POPULARITY, seen_purchase=[("ann", "a", float(DAY))])

    answer = recommend(bundle, ask(user_id="ann", now=datetime(2026, 3, 3, tzinfo=UTC)))

    assert ids(answer) == ["a", "b", "c"]


def test_the_stages_stand_in_the_order_of_the_design():
    assert [stage.__name__ for stage in STAGES] == [
        "keep_included",
        "drop_excluded",
        "drop_seen",
        "drop_unavailable",
        "keep_tagged",
        "keep_priced",
        "keep_recent",
        "drop_blocked",
        "select",
        "cut",
    ]


def test_a_stage_that_has_nothing_to_do_passes_the_slate_on_as_it_is(bundle, ask):
    steps = dict(recommend(bundle, ask(k=3, constraints=Constraints(available_only=False))).trace.steps)

    assert steps["drop_blocked"] is steps["candidates"]


def test_what_all_filters_allow_is_what_each_of_them_keeps(bundle, ask):
    query = ask(exclude_ids=("a",), constraints=Constraints(include_tags_any=("cotton",)))

    mask = allowed(recommend(bundle, query).trace.situation)

    assert np.flatnonzero(mask).tolist() == [2]
