from datetime import timedelta

import polars as pl
import pytest

from recsys_pipelines.backtest.data import catalog
from recsys_pipelines.backtest.errors import UnusableFile
from recsys_pipelines.backtest.preparing import Weighing
from recsys_pipelines.backtest.splitting import Plan, Sides, given, inner_folds, known, split

ROWS = [("ann", "a", 0), ("ann", "b", 1), ("bob", "a", 2), ("ann", "a", 3), ("bob", "c", 4)]


def pairs(table):
    return set(table.select("user_id", "item_id").iter_rows())


def test_a_time_split_asks_for_what_is_new_to_the_user(world):
    (question,) = split(world.events(ROWS), Plan(kind="time", cut=world.begin + timedelta(days=3)), Sides()).questions

    assert pairs(question.events) == {("ann", "a"), ("ann", "b"), ("bob", "a")}
    assert pairs(question.truth) == {("bob", "c")}
    assert pairs(question.barred) == pairs(question.events)
    assert question.now == world.begin + timedelta(days=2)


def test_what_was_had_counts_where_it_may_be_recommended(world):
    plan = Plan(kind="time", cut=world.begin + timedelta(days=3), keep_seen=True)

    (question,) = split(world.events(ROWS), plan, Sides()).questions

    assert pairs(question.truth) == {("ann", "a"), ("bob", "c")}
    assert question.barred.is_empty()


def test_without_a_cut_the_last_fifth_is_the_test(world):
    (question,) = split(world.events(ROWS), Plan(kind="time"), Sides()).questions

    assert question.events.height == 4
    assert pairs(question.truth) == {("bob", "c")}


def test_last_k_holds_out_the_last_of_each_user(world):
    (question,) = split(world.events(ROWS), Plan(kind="last-k", last_k=1, keep_seen=True), Sides()).questions

    assert pairs(question.truth) == {("ann", "a"), ("bob", "c")}


def test_folds_end_with_the_newest_event_and_know_only_what_was_before(world):
    rows = [(user, f"i{day}", day) for day in range(6) for user in ("ann", "bob")]

    first, second = split(world.events(rows), Plan(kind="folds", folds=2, fold_days=2.0), Sides()).questions

    assert pairs(first.truth) == {(user, item) for user in ("ann", "bob") for item in ("i2", "i3")}
    assert pairs(second.truth) == {(user, item) for user in ("ann", "bob") for item in ("i4", "i5")}
    assert pairs(first.events) == {(user, item) for user in ("ann", "bob") for item in ("i0", "i1")}
    assert second.events.height == 8


def test_only_the_types_that_count_are_truth(world):
    types = pl.DataFrame({"user_id": ["ann"] * 3, "item_id": ["a", "b", "c"], "type": ["view", "view", "purchase"]})
    train = world.events([("ann", "z", 0)])

    (question,) = given(train, world.events(types), Plan(kind="given", truth_types=("purchase",)), Sides()).questions

    assert pairs(question.truth) == {("ann", "c")}


def test_a_split_needs_times(world):
    events = world.events(pl.DataFrame({"user_id": ["ann"], "item_id": ["a"]}))

    with pytest.raises(UnusableFile, match="--split time needs times: name the column with --timestamp-column"):
        split(events, Plan(kind="time"), Sides())


def test_a_side_without_rows_is_refused(world):
    with pytest.raises(UnusableFile, match="train would have no rows"):
        split(world.events(ROWS), Plan(kind="time", cut=world.begin), Sides())


def test_users_of_another_world_are_refused(world):
    with pytest.raises(UnusableFile, match="no user in common, such as 'eve'"):
        given(world.events(ROWS), world.events([("eve", "a", 9)]), Plan(kind="given"), Sides())


def test_a_test_that_begins_before_train_ends_is_called_a_leak(world):
    posed = given(world.events(ROWS), world.events([("bob", "b", 4), ("bob", "d", 5)]), Plan(kind="given"), Sides())

    assert posed.warnings[0].startswith(
        "leak: 1 of 2 test events are not after the last of train (2026-01-05 00:00:00)"
    )


def test_what_nobody_can_find_is_counted(world):
    posed = given(world.events(ROWS), world.events([("bob", "a", 5), ("new", "new", 6)]), Plan(kind="given"), Sides())

    assert [line.split(":")[0] for line in posed.warnings] == [
        "1 of 2 users of the test are not in train",
        "1 of 2 test pairs are in train too and count as missed",
        "1 of 2 test pairs are of items that are not in the catalog",
    ]


def test_candidates_are_items_too(world):
    candidates = pl.DataFrame({"user_id": ["bob"], "item_id": ["new"]})

    (question,) = given(
        world.events(ROWS), world.events([("bob", "new", 5)]), Plan(kind="given"), Sides(candidates=candidates)
    ).questions

    assert question.catalog["item_id"].to_list() == ["a", "b", "c", "new"]


def test_what_candidates_leave_out_is_counted(world):
    """Bob may get b, which is no test item, and a, which he had; ann may get nothing; nobody asks for zoe."""
    candidates = pl.DataFrame({"user_id": ["bob", "bob", "zoe"], "item_id": ["a", "b", "b"]})
    test = world.events([("bob", "d", 5), ("ann", "c", 6)])

    posed = given(world.events(ROWS), test, Plan(kind="given"), Sides(candidates=candidates))

    assert [line.split(":")[0] for line in posed.warnings[1:]] == [
        "1 of 2 users of the test have no candidates",
        "2 of 2 test pairs are no candidates of their users",
        "1 of 2 candidates are in train too and are not ranked (see --keep-seen)",
    ]


def test_train_in_which_nothing_counts_is_refused(world):
    rows = pl.DataFrame({"user_id": ["ann"], "item_id": ["a"], "weight": [0]})
    (question,) = given(world.events(rows), world.events([("ann", "b", 1)]), Plan(kind="given"), Sides()).questions

    with pytest.raises(UnusableFile, match="no row of train counts: its weight is 0"):
        question.training(Weighing(), seed=0)

    assert question.training(Weighing(binary=True), seed=0).interactions.height == 1


def test_the_catalog_given_is_the_catalog(world):
    items = catalog(pl.DataFrame({"item_id": ["a", "q"]}))

    (question,) = split(world.events(ROWS), Plan(kind="time"), Sides(items)).questions

    assert question.catalog["item_id"].to_list() == ["a", "q"]


def test_what_is_tuned_on_is_later_than_what_is_learned_from_where_the_test_is(world):
    rows = [(user, f"{user}{day}", day) for day in range(20) for user in ("ann", "bob")]
    plan = Plan(kind="time", cut=world.begin + timedelta(days=16))
    (question,) = split(world.events(rows), plan, Sides()).questions

    first, second = inner_folds(question, plan, seed=0, folds=2)

    assert second.events["ts"].max() < second.truth.join(question.events, on=["user_id", "item_id"])["ts"].min()
    assert first.events.height < second.events.height
    assert pairs(first.truth).isdisjoint(pairs(second.truth))
    assert pairs(second.truth) <= pairs(question.events)


def test_many_folds_together_take_no_more_than_the_later_half(world):
    rows = [(user, f"{user}{day}", day) for day in range(20) for user in ("ann", "bob")]
    question = known(world.events(rows), Sides(), later=True)

    folds = inner_folds(question, Plan(kind="given"), seed=0, folds=5)

    assert [(fold.events.height, fold.truth.height) for fold in folds] == [(20 + 4 * n, 4) for n in range(5)]


def test_without_times_parts_of_the_pairs_are_held_out_at_random(world):
    train = world.events(world.checkerboard(20, 20))
    plan = Plan(kind="given")
    (question,) = given(train, world.events([("u0", "i0", 3)]), plan, Sides()).questions

    folds = inner_folds(question, plan, seed=1, folds=3)

    assert [fold.truth.height for fold in folds] == [45, 45, 45]  # of 180
    assert all(pairs(fold.truth).isdisjoint(pairs(fold.events)) for fold in folds)
    assert pairs(folds[0].truth).isdisjoint(pairs(folds[1].truth))


def test_last_events_are_held_out_one_after_the_other(world):
    rows = [(user, f"i{day}", day) for day in range(5) for user in ("ann", "bob")]
    plan = Plan(kind="last-k")
    (question,) = split(world.events(rows), plan, Sides()).questions

    first, second = inner_folds(question, plan, seed=0, folds=2)

    assert {item for _, item in pairs(first.truth)} == {"i3"}
    assert {item for _, item in pairs(second.truth)} == {"i2"}


def test_events_come_day_by_day_in_order_as_often_as_one_asks(world):
    rows = [("ann", "a", 1.5), ("bob", "b", 0), ("cas", "c", 1.25), ("dan", "d", 3)]
    (question,) = given(world.events(rows), world.events([("ann", "z", 4)]), Plan(kind="given"), Sides()).questions

    days = question.training(Weighing(), seed=0).events

    for _ in range(2):
        assert [day.collect()["user_id"].to_list() for day in days] == [["bob"], ["cas", "ann"], ["dan"]]


def test_every_item_of_the_catalog_has_the_vector_of_its_text(world):
    titles = {"a": "green tea", "b": "black tea", "c": "garden hose", "d": "tea pot"}
    items = catalog(pl.DataFrame({"item_id": list(titles), "title": list(titles.values())}))
    (question,) = given(world.events(ROWS), world.events([("bob", "d", 5)]), Plan(kind="given"), Sides(items)).questions

    vectors = question.training(Weighing(), seed=0).embeddings()

    assert sorted(vectors["item_id"]) == list(titles)
    green, black, hose = (vectors.filter(item_id=item)["vector"][0].to_numpy() for item in "abc")
    assert green @ black > green @ hose
