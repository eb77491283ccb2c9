"""Places that are kept for new items."""

from datetime import timedelta

import msgspec
import pytest

from data_contracts.documents import Ranking
from recsys_algo.rank import recommend, similar
from recsys_algo.situation import Constraints
from recsys_algo.trace import summary, why_not

OLD = [f"old{n:02}" for n in range(30)]
POPULAR = [("", id, float(30 - place)) for place, id in enumerate(OLD)]


@pytest.fixture
def shelf(ask):
    """Thirty items of last year, and ``new0`` to ``new4``, one to five days old, of which nobody knows anything."""
    now = ask().now
    old = [{"item_id": id, "created_at": now - timedelta(days=200)} for id in OLD]
    return old + [{"item_id": f"new{n}", "created_at": now - timedelta(days=1 + n), "brand": "A"} for n in range(5)]


@pytest.fixture
def kept(shop, shelf):
    """``kept(share, ...)``: the shop with that share of places for new items, and with the old ones popular."""

    def opened(share, items=shelf, days=14, popularity=POPULAR, **ranking):
        rule = {"new_items": {"share": share, "days": days}, "weights": {"popularity": 1, "content": 1}}
        return shop(items, ranking=rule | ranking, popularity=popularity)

    return opened


def places(answer):
    """The ranks of new items, by id."""
    return {item.item_id: item.rank for item in answer.items if item.item_id.startswith("new")}


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        pytest.param(0.1, {"new0": 10, "new1": 20}, id="the last place of every ten"),
        pytest.param(0.2, {"new0": 5, "new1": 10, "new2": 15, "new3": 20}, id="of every five"),
        pytest.param(0.15, {"new0": 7, "new1": 14, "new2": 20}, id="as soon as the share is a whole place"),
        pytest.param(0.04, {}, id="less than one place of twenty"),
        pytest.param(1.0, {f"new{n}": n + 1 for n in range(5)}, id="as many as there are"),
    ],
)
def test_the_share_of_the_places_holds_new_items_the_newest_first(kept, ask, share, expected):
    answer = recommend(kept(share), ask(k=20))

    assert places(answer) == expected
    assert len(answer.items) == 20


def test_the_others_keep_their_order(kept, ask):
    answer = recommend(kept(0.1), ask(k=20))

    assert [item.item_id for item in answer.items if item.item_id.startswith("old")] == OLD[:18]


def test_without_the_rule_nothing_is_kept(shop, shelf, ask):
    answer = recommend(shop(shelf, popularity=POPULAR), ask(k=20))

    assert places(answer) == {}
    assert [name for name, _ in answer.trace.steps][-2:] == ["select", "cut"]


def test_a_new_item_that_is_there_by_merit_takes_no_further_place(kept, ask):
    popularity = [*POPULAR[:4], ("", "new3", 25.5), *POPULAR[4:]]

    answer = recommend(kept(0.1, popularity=popularity), ask(k=20))

    assert places(answer) == {"new3": 6, "new0": 20}


def test_what_a_source_proposes_comes_before_what_is_newer(shop, shelf, ask):
    """As content similarity proposes items that nobody has touched."""
    content = ("item_neighbors", [("old00", "new4", 1.0), ("old00", "old29", 0.5)])
    ranking = {"new_items": {"share": 0.2}, "weights": {"popularity": 9, "content": 0.1}}
    bundle = shop(shelf, ranking=ranking, popularity=POPULAR, content=content)

    answer = recommend(bundle, ask(k=10, anchors=("old00",)))

    assert places(answer) == {"new4": 5, "new0": 10}
    assert answer.items[4].source == "content"
    assert answer.items[4].reasons == ("content_similarity", "new_item")


def test_an_item_that_is_let_in_says_so(kept, ask):
    answer = recommend(kept(0.1), ask(k=10))
    last = answer.items[-1]

    assert (last.item_id, last.source, last.reasons, last.signals) == (
        "new0",
        "new_items",
        ("new_item",),
        {"new_items": 0.0},
    )
    assert summary(answer)["sources"][-1] == {"name": "new_items", "level": 5, "reason": "new_item", "count": 5}
    assert answer.fallback_level == 3


def test_an_item_that_made_room_can_be_asked_about(kept, ask):
    bundle = kept(0.1)
    answer = recommend(bundle, ask(k=10))

    made_room, far = (why_not(answer, bundle, id) for id in ("old09", "old10"))

    assert (made_room.verdict, made_room.stage, made_room.detail) == (
        "below_k",
        "reserve_new",
        "its place is kept for a new item",
    )
    assert (far.verdict, far.detail) == ("below_k", "10 items are better")


def test_new_is_what_was_created_within_the_days_before_the_query(kept, ask, shelf):
    now = ask().now
    tomorrow = {"item_id": "new9", "created_at": now + timedelta(days=1)}
    undated = {"item_id": "new8"}

    answer = recommend(kept(0.5, items=[*shelf, tomorrow, undated], days=2), ask(k=20))

    assert places(answer) == {"new0": 2, "new1": 4}
    assert places(recommend(kept(0.5, items=[*shelf, tomorrow], days=2), ask(k=8, now=now + timedelta(days=1)))) == {
        "new9": 2,
        "new0": 4,
    }


def test_filters_and_blocks_hold_for_new_items_too(kept, ask, shelf):
    shelf[-1] |= {"available": False}
    bundle = kept(0.5, items=shelf, blocked_items=["new0"])

    answer = recommend(bundle, ask(k=10, exclude_ids=("new2",), constraints=Constraints(available_only=True)))

    assert places(answer) == {"new1": 2, "new3": 4}


def test_caps_hold_for_new_items_too(kept, ask):
    answer = recommend(kept(0.5, max_per_brand=2), ask(k=10))

    assert places(answer) == {"new0": 2, "new1": 4}
    assert len(answer.items) == 10


def test_a_variant_of_what_is_there_is_not_let_in(kept, ask, shelf):
    shelf[-5] |= {"parent_id": "p"}
    shelf[0] |= {"parent_id": "p"}

    answer = recommend(kept(0.1, items=shelf), ask(k=10))

    assert places(answer) == {"new1": 10}


def test_a_share_that_is_a_whole_place_on_paper_is_one(kept, ask):
    """29 % of 100 are 29, though 100 * 0.29 is a little less in floating point."""
    now = ask().now
    old = [{"item_id": f"old{n:03}", "created_at": now - timedelta(days=200)} for n in range(100)]
    new = [{"item_id": f"new{n:03}", "created_at": now} for n in range(50)]
    popularity = [("", item["item_id"], 1.0) for item in old]

    answer = recommend(kept(0.29, items=[*old, *new], popularity=popularity), ask(k=100))

    assert len(places(answer)) == 29


def test_a_list_that_is_short_is_filled_up_by_the_ladder_not_by_new_items(shop, shelf, ask):
    shelf += [{"item_id": f"newer{n}", "created_at": ask().now - timedelta(days=9)} for n in range(30)]
    ranking = {"new_items": {"share": 0.1}, "weights": {"lists": 1}}
    bundle = shop(shelf, ranking=ranking, lists=[("ann", "old20", 1.0)], popularity=POPULAR)

    answer = recommend(bundle, ask(k=10, user_id="ann"))

    assert [item.item_id for item in answer.items] == ["old20", *OLD[:8], "new0"]
    assert answer.items[1].source == "tenant_popularity"


@pytest.mark.parametrize("strategy", ["popular", "latest", "also_bought", "similar", "buy_again"])
def test_only_personalized_lists_keep_places(kept, ask, strategy):
    answer = recommend(kept(0.5), ask(k=10, strategy=strategy, anchors=("old29",)))

    assert "reserve_new" not in dict(answer.trace.steps)


def test_lists_of_other_weights_or_of_similar_items_keep_none(kept, ask):
    bundle = kept(0.5)

    assert places(recommend(bundle, ask(k=10, weights={"popularity": 1.0}))) == {}
    assert places(similar(bundle, ["old00"], ask(k=10))) == {}


def test_an_answer_that_is_restricted_to_ids_stays_so(kept, ask):
    answer = recommend(kept(0.5), ask(k=4, include_ids=("old01", "old02", "new3", "old03")))

    assert [item.item_id for item in answer.items] == ["old01", "new3", "old02", "old03"]


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(OLD, id="a catalog without times"),
        pytest.param([], id="an empty catalog"),
    ],
)
def test_where_nothing_is_new_nothing_changes(kept, shop, ask, ids, items):
    popularity = POPULAR if items else []

    with_rule = recommend(kept(0.5, items=items, popularity=popularity), ask(k=10))

    assert ids(with_rule) == ids(recommend(shop(items, popularity=popularity), ask(k=10)))


def test_diversity_has_its_say_before(kept, ask):
    answer = recommend(kept(0.2), ask(k=10, mmr_lambda=0.5))

    assert places(answer) == {"new0": 5, "new1": 10}
    assert len(answer.items) == 10


@pytest.mark.parametrize("rule", [{"share": 0}, {"share": 1.1}, {"days": 0}, {"share": 0.1, "since": 3}], ids=str)
def test_a_share_of_nothing_or_more_than_all_is_refused(rule):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"new_items": rule}, Ranking)
