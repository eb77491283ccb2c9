import polars as pl
import pytest

from recsys_eval.errors import InvalidFrame, NothingToEvaluate
from recsys_eval.frames import checked_catalog, checked_recs, checked_train, checked_truth, repeated

RECS = pl.DataFrame({"user_id": ["ann", "ann", "bob"], "item_id": ["a", "b", "a"], "rank": [1, 2, 1]})


def broken(**columns: pl.Series | pl.Expr) -> pl.DataFrame:
    return RECS.with_columns(**columns)


def test_good_recommendations_come_back_with_the_columns_that_metrics_need():
    recs = RECS.with_columns(score=pl.Series([0.5, None, 0.1]), source=pl.lit("als"))

    assert checked_recs(recs).columns == ["user_id", "item_id", "rank"]


@pytest.mark.parametrize(
    ("recs", "complaint"),
    [
        pytest.param(RECS.drop("rank"), "recs has no column 'rank'; it has user_id, item_id", id="no rank"),
        pytest.param(broken(rank=pl.Series([0, 1, 1])), "1 row have a rank below 1.*'ann'.*rank 0", id="rank zero"),
        pytest.param(broken(rank=pl.Series([1, 2, -3])), "rank below 1.*'bob'.*rank -3", id="a negative rank"),
        pytest.param(
            broken(rank=pl.Series([1.0, 2.0, 1.0])), "recs.rank is Float64; it must be a whole", id="rank 1.0"
        ),
        pytest.param(broken(rank=pl.Series([1, None, 1])), "recs.rank is empty in 1 of 3 rows", id="no value"),
        pytest.param(
            broken(rank=pl.Series([1, 1, 1])), "2 rows give one rank to two items.*'ann'", id="two items at 1"
        ),
        pytest.param(
            broken(item_id=pl.lit("a")), "2 rows recommend an item to the same user twice", id="a repeated item"
        ),
        pytest.param(broken(user_id=pl.Series([1, 1, 2])), "recs.user_id is Int64; ids are strings", id="numeric ids"),
        pytest.param(broken(score=pl.lit(float("nan"))), "3 rows have a score that is not a number", id="a NaN score"),
        pytest.param(
            broken(score=pl.lit(float("inf"))), "score that is not a number.*score inf", id="an endless score"
        ),
    ],
)
def test_bad_recommendations_are_refused_with_rule_and_example(recs, complaint):
    with pytest.raises(InvalidFrame, match=complaint):
        checked_recs(recs)


def test_truth_without_rows_has_nothing_to_evaluate():
    with pytest.raises(NothingToEvaluate, match="truth has no rows"):
        checked_truth(pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String}))


def test_a_repeated_relevant_item_is_refused():
    truth = pl.DataFrame({"user_id": ["ann", "ann"], "item_id": ["a", "a"]})

    with pytest.raises(InvalidFrame, match=r"truth: 2 rows repeat a relevant item; call unique\(\)"):
        checked_truth(truth)


def test_train_may_repeat_a_pair_and_counts_it_once():
    events = pl.DataFrame({"user_id": ["ann", "ann"], "item_id": ["a", "a"], "ts": [1, 2]})

    assert checked_train(events).rows() == [("ann", "a")]


def test_a_catalog_is_ordered_by_id_and_keeps_its_columns():
    catalog = pl.DataFrame({"item_id": ["b", "a"], "category": ["x", "y"]})

    assert checked_catalog(catalog).rows() == [("a", "y"), ("b", "x")]


@pytest.mark.parametrize(
    ("catalog", "complaint"),
    [
        pytest.param(pl.DataFrame(schema={"item_id": pl.String}), "catalog has no rows", id="empty"),
        pytest.param(pl.DataFrame({"item_id": ["a", "a"]}), "catalog: 2 rows repeat an item", id="a repeated item"),
        pytest.param(pl.DataFrame({"item_id": ["a", None]}), "catalog.item_id is empty in 1 of 2", id="no id"),
    ],
)
def test_a_bad_catalog_is_refused(catalog, complaint):
    with pytest.raises(InvalidFrame, match=complaint):
        checked_catalog(catalog)


def test_repeated_finds_exactly_the_rows_whose_key_stands_twice():
    rows = pl.DataFrame({"user_id": ["a", "b", "a", "c", "b"], "rank": [1, 1, 1, 1, 2]})

    assert repeated(rows, ("user_id", "rank")).rows() == [("a", 1), ("a", 1)]
