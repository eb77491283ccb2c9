from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_eval.errors import InvalidFrame, Leak, NothingToEvaluate
from recsys_eval.splits import (
    Split,
    given_split,
    last_k_split,
    refuse_feature_leak,
    refuse_leak,
    refuse_user_leak,
    time_folds,
    time_split,
)

START = datetime(2026, 3, 1, tzinfo=UTC)


def events(*rows: tuple[str, str, float]) -> pl.DataFrame:
    """(user, item, days after START)."""
    return pl.DataFrame(
        [(user, item, START + timedelta(days=day)) for user, item, day in rows],
        schema={"user_id": pl.String, "item_id": pl.String, "ts": pl.Datetime("us", "UTC")},
        orient="row",
    )


def items(frame: pl.DataFrame) -> list[str]:
    return frame["item_id"].to_list()


def test_an_event_at_the_cut_is_tested_and_not_learned():
    split = time_split(events(("ann", "a", 0), ("ann", "b", 1), ("bob", "c", 1.5)), START + timedelta(days=1))

    assert items(split.train) == ["a"]
    assert items(split.test) == ["b", "c"]


@given(days=st.lists(st.integers(min_value=0, max_value=30)), cut=st.integers(min_value=-1, max_value=31))
def test_a_time_split_loses_no_event_and_leaks_none(days, cut):
    rows = events(*[("ann", f"i{n}", day) for n, day in enumerate(days)])
    at = START + timedelta(days=cut)

    split = time_split(rows, at)

    refuse_leak(split, at)
    assert sorted(items(split.train) + items(split.test)) == sorted(items(rows))


def test_a_time_in_another_zone_is_the_same_moment():
    cut = datetime.fromisoformat("2026-03-02T02:00:00+02:00")

    assert items(time_split(events(("ann", "a", 0.99), ("ann", "b", 1)), cut).test) == ["b"]


def test_the_last_event_of_each_user_is_held_out():
    rows = events(("ann", "late", 3), ("bob", "x", 1), ("ann", "early", 0), ("bob", "y", 2))

    split = last_k_split(rows)

    assert items(split.train) == ["x", "early"]
    assert items(split.test) == ["late", "y"]


def test_of_events_at_the_same_time_the_last_item_id_is_held_out():
    assert items(last_k_split(events(("ann", "b", 1), ("ann", "c", 1), ("ann", "a", 1))).test) == ["c"]


def test_a_user_with_too_few_events_to_hold_out_stays_in_train():
    split = last_k_split(events(("ann", "a", 0), ("ann", "b", 1), ("bob", "c", 0)), k=2)

    assert split.test.is_empty()
    assert items(split.train) == ["a", "b", "c"]


def test_folds_follow_each_other_and_learn_from_all_before():
    rows = events(("ann", "a", 0), ("ann", "b", 7), ("ann", "c", 14), ("ann", "d", 20), ("ann", "e", 21))

    folds = time_folds(rows, START + timedelta(days=21), folds=2, width=timedelta(days=7))

    assert [(items(fold.train), items(fold.test)) for fold in folds] == [(["a"], ["b"]), (["a", "b"], ["c", "d"])]
    assert [fold.end for fold in folds[:-1]] == [fold.cut for fold in folds[1:]]


def test_the_future_in_train_is_a_leak_that_names_an_event():
    cut = START + timedelta(days=1)
    split = Split(train=events(("ann", "a", 0), ("ann", "b", 2)), test=events(("ann", "c", 1)))

    with pytest.raises(Leak, match=r"train holds the future.*1 of its events.*'ann', item 'b' at 2026-03-03"):
        refuse_leak(split, cut)


def test_an_event_of_train_at_the_cut_is_a_leak():
    with pytest.raises(Leak, match="train holds the future"):
        refuse_leak(Split(train=events(("ann", "a", 1)), test=events()), START + timedelta(days=1))


def test_the_past_in_the_test_is_a_leak():
    with pytest.raises(Leak, match="test holds the past: it must begin at 2026-03-02"):
        refuse_leak(Split(train=events(), test=events(("ann", "a", 0.5))), START + timedelta(days=1))


def test_last_k_does_not_leak_within_a_user():
    refuse_user_leak(last_k_split(events(("ann", "a", 0), ("ann", "b", 5), ("bob", "c", 1), ("bob", "d", 2))))


def test_training_on_what_a_user_did_after_the_test_is_a_leak():
    split = Split(train=events(("ann", "b", 2), ("bob", "c", 9)), test=events(("ann", "a", 1)))

    with pytest.raises(Leak, match="from after their own test began; 1 of its events"):
        refuse_user_leak(split)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        pytest.param(events().drop("ts"), "events has no column 'ts'", id="no time"),
        pytest.param(
            events().with_columns(pl.col("ts").dt.replace_time_zone(None)), "must be a time with a zone", id="no zone"
        ),
        pytest.param(events().with_columns(ts=pl.lit(7)), "events.ts is Int32; it must be a time", id="a number"),
        pytest.param(
            events(("ann", "a", 0)).with_columns(ts=pl.lit(None, pl.Datetime("us", "UTC"))),
            "events.ts is empty in 1 of 1 rows",
            id="an empty time",
        ),
    ],
)
def test_events_that_have_no_side_are_refused(rows, complaint):
    with pytest.raises(InvalidFrame, match=complaint):
        time_split(rows, START)


def test_a_cut_without_a_time_zone_is_refused():
    with pytest.raises(InvalidFrame, match="2026-03-01T00:00:00 has no time zone"):
        time_split(events(), START.replace(tzinfo=None))


@pytest.mark.parametrize(("folds", "days"), [(0, 7), (2, 0)])
def test_no_folds_or_no_width_is_refused(folds, days):
    with pytest.raises(InvalidFrame, match="there must be at least one"):
        time_folds(events(), START, folds, timedelta(days=days))


def test_holding_out_nothing_is_refused():
    with pytest.raises(InvalidFrame, match="k is 0; at least the last event"):
        last_k_split(events(), k=0)


def test_given_files_with_times_are_split_by_the_first_test_event():
    split = given_split(events(("ann", "a", 0)), events(("ann", "a", 2), ("bob", "b", 1)))

    assert (items(split.train), items(split.test)) == (["a"], ["a", "b"])


def test_a_training_file_from_the_test_window_is_a_leak():
    with pytest.raises(Leak, match=r"train holds the future.*'ann', item 'b' at 2026-03-04"):
        given_split(events(("ann", "a", 0), ("ann", "b", 3)), events(("bob", "c", 2), ("bob", "d", 4)))


def test_without_times_a_pair_in_both_files_is_a_leak():
    pairs = events(("ann", "a", 0), ("bob", "b", 0)).drop("ts")

    with pytest.raises(Leak, match=r"1 pairs of test stand in train too, such as user 'bob', item 'b'"):
        given_split(pairs, pairs.tail(1))


def test_without_times_files_that_share_no_pair_are_taken_as_they_are():
    pairs = events(("ann", "a", 0), ("ann", "b", 0)).drop("ts")

    assert given_split(pairs.head(1), pairs.tail(1)).test.rows() == [("ann", "b")]


def test_a_test_file_without_rows_is_nothing_to_predict():
    with pytest.raises(NothingToEvaluate, match="test has no rows"):
        given_split(events(("ann", "a", 0)), events())


def features(as_of: float, last_seen: float | None) -> pl.DataFrame:
    seen = None if last_seen is None else START + timedelta(days=last_seen)
    kind = {"as_of": pl.Datetime("us", "UTC"), "last_seen": pl.Datetime("us", "UTC")}
    row = {"user_id": ["ann"], "as_of": [START + timedelta(days=as_of)], "last_seen": [seen]}
    return pl.DataFrame(row, schema_overrides=kind)


@pytest.mark.parametrize("last_seen", [0.9, None])
def test_features_as_of_the_cut_do_not_leak(last_seen):
    refuse_feature_leak(features(1, last_seen), START + timedelta(days=1))


@pytest.mark.parametrize(
    ("as_of", "last_seen", "column"),
    [pytest.param(1.01, 0, "as_of", id="as of later"), pytest.param(1, 1, "last_seen", id="an event at the cut")],
)
def test_a_feature_from_after_the_cut_is_a_leak(as_of, last_seen, column):
    with pytest.raises(Leak, match=rf"features.{column} is from after the split at 2026-03-02.* in 1 of 1 rows"):
        refuse_feature_leak(features(as_of, last_seen), START + timedelta(days=1))


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        pytest.param(features(1, 0).drop("as_of"), "features has no column 'as_of'", id="no time"),
        pytest.param(features(1, 0).with_columns(as_of=pl.lit(None, pl.Datetime("us", "UTC"))), "empty", id="empty"),
        pytest.param(features(1, 0).with_columns(as_of=pl.lit("now")), "must be a time with a zone", id="text"),
    ],
)
def test_features_of_no_known_time_are_refused(rows, complaint):
    with pytest.raises(InvalidFrame, match=complaint):
        refuse_feature_leak(rows, START)
