"""Why an item is not there, read off the trace."""

from datetime import UTC, datetime

import pytest

from recsys_algo.rank import recommend
from recsys_algo.situation import Constraints
from recsys_algo.trace import summary, why_not

SHOP = [
    {"item_id": "anchor", "parent_id": "p"},
    {"item_id": "bought"},
    {"item_id": "blocked"},
    {"item_id": "cheap", "price_minor": 1},
    {"item_id": "excluded"},
    {"item_id": "first", "price_minor": 500, "brand": "X", "tags": ["red"], "category": "shoes", "parent_id": "q"},
    {"item_id": "gone", "available": False},
    {"item_id": "old", "price_minor": 500, "created_at": datetime(2020, 1, 1, tzinfo=UTC)},
    {"item_id": "second", "price_minor": 500},
    {"item_id": "silent", "price_minor": 500},
    {"item_id": "twin", "price_minor": 500, "parent_id": "p"},
    {"item_id": "variant", "price_minor": 500, "parent_id": "q"},
    {"item_id": "x-brand", "price_minor": 500, "brand": "X"},
]
POPULAR = ["first", "second", "variant", "x-brand", "twin", "cheap", "bought", "blocked", "excluded", "gone", "old"]


@pytest.fixture
def bundle(shop):
    return shop(
        SHOP,
        ranking={"blocked_items": ["blocked"], "weights": {"popularity": 1}},
        popularity=[("", id, float(20 - place)) for place, id in enumerate(POPULAR)],
        seen_purchase=[("ann", "bought", 20_484.0)],
    )


@pytest.mark.parametrize(
    ("item", "verdict", "stage", "detail"),
    [
        pytest.param("first", "returned", "cut", "it is at rank 1", id="returned"),
        pytest.param("x-brand", "below_k", "select", "2 items are better", id="below k"),
        pytest.param("variant", "filtered", "select", "'first' has the same parent", id="another variant is there"),
        pytest.param("twin", "filtered", "select", "an anchor has the same parent", id="a variant of an anchor"),
        pytest.param("blocked", "blocked_by_rule", "drop_blocked", "Not what the surface blocks.", id="blocked"),
        pytest.param("bought", "filtered", "drop_seen", "Not what the user had lately.", id="seen"),
        pytest.param("excluded", "excluded", "drop_excluded", "Not the ids that the caller excludes", id="excluded"),
        pytest.param("anchor", "excluded", "drop_excluded", "and not the anchors", id="an anchor"),
        pytest.param("gone", "unavailable", "drop_unavailable", "Only what can be bought now.", id="unavailable"),
        pytest.param("silent", "not_candidate", "candidates", "no source proposed it", id="not a candidate"),
        pytest.param("unheard", "unknown_item", "catalog", "the catalog has no such item", id="unknown"),
    ],
)
def test_every_fate_has_a_verdict(bundle, ask, item, verdict, stage, detail):
    answer = recommend(bundle, ask(k=2, user_id="ann", anchors=("anchor",), exclude_ids=("excluded",)))

    found = why_not(answer, bundle, item)

    assert (found.item_id, found.verdict, found.stage) == (item, verdict, stage)
    assert detail in found.detail


@pytest.mark.parametrize(
    ("constraints", "stage"),
    [
        pytest.param({"price_between": (600, None)}, "keep_priced", id="too cheap"),
        pytest.param({"created_after": datetime(2025, 1, 1, tzinfo=UTC)}, "keep_recent", id="too old"),
        pytest.param({"include_tags_any": ("red",)}, "keep_tagged", id="without the tag"),
    ],
)
def test_a_constraint_is_named_also_when_it_kept_the_item_from_being_a_candidate(bundle, ask, constraints, stage):
    answer = recommend(bundle, ask(k=5, constraints=Constraints(**constraints)))

    found = why_not(answer, bundle, "old")

    assert (found.verdict, found.stage) == ("filtered", stage)


@pytest.mark.parametrize(
    ("constraints", "detail"),
    [
        pytest.param({"max_per_brand": 1}, "the list has 1 items of brand 'X' already", id="brand"),
        pytest.param({"max_per_category": 1}, "items are better", id="a category that the item does not have"),
        pytest.param({"max_per_tag": {"brand:x": 1}}, "the list has 1 items with tag 'brand:x' already", id="tag"),
    ],
)
def test_a_cap_that_is_reached_is_named(bundle, ask, constraints, detail):
    answer = recommend(bundle, ask(k=2, constraints=Constraints(**constraints)))

    assert detail in why_not(answer, bundle, "x-brand").detail


def test_an_item_below_k_is_told_how_far(bundle, ask):
    answer = recommend(bundle, ask(k=1))

    found = why_not(answer, bundle, "second")

    assert (found.score, found.cutoff_score) == (0.833333, 1.0)


def test_an_item_that_was_no_candidate_has_no_score(bundle, ask):
    answer = recommend(bundle, ask(k=1))

    assert why_not(answer, bundle, "silent").score is None


def test_an_empty_answer_has_no_cutoff(shop, ask):
    bundle = shop("a")

    assert why_not(recommend(bundle, ask()), bundle, "a").cutoff_score is None


def test_a_restricted_answer_says_that_others_were_not_asked_for(bundle, ask):
    answer = recommend(bundle, ask(include_ids=("first",)))

    assert why_not(answer, bundle, "second").stage == "keep_included"


def test_a_summary_counts_what_every_source_and_stage_did(bundle, ask):
    answer = recommend(bundle, ask(k=2, exclude_ids=("first", "second"), constraints=Constraints(exclude_seen=None)))

    told = summary(answer)

    assert told["sources"] == [{"name": "popularity", "level": 3, "reason": "recent_popularity", "count": 11}]
    assert told["stages"][1] == {"name": "drop_excluded", "in": 11, "out": 9, "dropped_sample": ["first", "second"]}
    assert told["stages"][-1] == {"name": "cut", "in": 2, "out": 2, "dropped_sample": []}
