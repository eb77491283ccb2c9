"""What a log must be, and what is read out of it."""

import numpy as np
import polars as pl
import pytest

from recsys_eval.errors import InvalidFrame, NothingToEvaluate
from recsys_eval.ope import Options, logged, off_policy


def test_a_weight_is_the_new_probability_over_the_old_one(small):
    assert logged(small()).weight.tolist() == [1.0, 0.5, 1.0, 2.0]


def test_what_the_log_is_worth_can_be_checked_by_hand(small):
    """Weights 1, 1/2, 1 and 2: (sum) squared over the sum of squares is 4.5^2 / 6.25."""
    facts = off_policy(logged(small()), Options(clip=1.0)).overlap

    assert (facts.decisions, facts.units) == (4, 2)
    assert (facts.effective, facts.effective_share) == pytest.approx((3.24, 0.81))
    assert (facts.mean_weight, facts.largest_weight, facts.smallest_propensity) == (1.125, 2.0, 0.25)
    assert (facts.clipped_share, facts.unseen_share) == (0.25, None)


def test_rows_may_come_in_any_order(small):
    rows = small()

    assert logged(rows.reverse()).weight.tolist() == logged(rows).weight.tolist()


def test_the_target_may_be_the_same_for_everybody(small):
    target = pl.DataFrame({"item_id": ["x", "y", "z"], "probability": [0.5, 0.25, 0.25]})

    assert logged(small(), target).target.tolist() == [0.5, 0.25, 0.5, 0.25]


def test_the_target_may_differ_by_rank_and_by_answer(small):
    by_rank = pl.DataFrame({"rank": [1, 2, 2], "item_id": ["x", "y", "z"], "probability": [1.0, 0.75, 0.25]})
    by_answer = pl.DataFrame(
        {"request_id": ["a", "a", "b", "b"], "item_id": ["x", "y", "x", "z"], "probability": [0.4, 0.6, 0.9, 0.1]}
    )

    assert logged(small(), by_rank).target.tolist() == [1.0, 0.75, 1.0, 0.25]
    assert logged(small(), by_answer).target.tolist() == [0.4, 0.6, 0.9, 0.1]


def test_an_action_outside_the_new_policy_has_weight_zero(small):
    target = pl.DataFrame({"item_id": ["x"], "probability": [1.0]})

    assert logged(small(), target).weight.tolist() == [2.0, 0.0, 2.0, 0.0]


def test_what_the_log_never_shows_is_counted_and_warned_of(small):
    target = pl.DataFrame({"item_id": ["x", "y", "new"], "probability": [0.25, 0.25, 0.5]})

    result = off_policy(logged(small(), target))

    assert result.overlap.unseen_share == pytest.approx((0.75 + 0.75) / 2)  # x is never second, y never first
    assert any("75.0% of what the new policy shows was never shown in such a place" in said for said in result.warnings)


def test_a_policy_that_shares_nothing_with_the_log_has_no_value(small):
    target = pl.DataFrame({"item_id": ["new"], "probability": [1.0]})

    result = off_policy(logged(small(), target))

    assert result.warnings == ("the new policy shows nothing that was logged: nothing can be said about it",)
    assert next(each.value for each in result.estimates if each.estimator == "snips") is None


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        pytest.param({"propensity": [0.0, 0.5, 0.5, 0.5]}, r"propensity 0 of request_id 'a'.*above 0", id="zero"),
        pytest.param({"propensity": [0.5, 0.5, 1.5, 0.5]}, r"propensity 1.5 of request_id 'b'", id="above one"),
        pytest.param({"propensity": [0.5, -0.5, 0.5, 0.5]}, r"propensity -0.5", id="negative"),
        pytest.param({"target": [0.5, 1.2, 0.5, 0.5]}, r"target 1.2 of .* at least 0", id="target above one"),
        pytest.param({"reward": [1.0, float("nan"), 0, 0]}, r"log.reward is not a number in row 2", id="nan"),
        pytest.param({"reward": [1.0, None, 0, 0]}, r"log.reward is not a number in row 2", id="no reward"),
        pytest.param({"rank": [1, 1, 1, 2]}, r"log: rank 1 of answer 'a' is repeated", id="a place twice"),
        pytest.param({"item_id": ["x", "x", "x", "z"]}, r"log: item_id 'x' of answer 'a'", id="an item twice"),
        pytest.param({"item_id": ["x", "", "x", "z"]}, r"log.item_id is empty in row 2", id="no item"),
    ],
)
def test_a_log_that_is_wrong_is_an_error_that_names_the_row(columns, complaint, small):
    with pytest.raises(InvalidFrame, match=complaint):
        logged(small(**columns))


def test_an_empty_log_is_an_error(small):
    with pytest.raises(NothingToEvaluate, match="log has no rows"):
        logged(small().clear())


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        pytest.param({"item_id": ["x", "y"], "probability": [0.5, 0.4]}, r"add up to 0.9, not to 1", id="too little"),
        pytest.param({"item_id": ["x", "y"], "probability": [1.5, -0.5]}, r"target 1.5 of item_id 'x'", id="no chance"),
        pytest.param(
            {"request_id": ["a"], "item_id": ["x"], "probability": [1.0]},
            r"target says nothing about request_id 'b' of the log",
            id="an answer missing",
        ),
    ],
)
def test_a_target_that_is_wrong_is_an_error(target, complaint, small):
    with pytest.raises(InvalidFrame, match=complaint):
        logged(small(), pl.DataFrame(target))


def test_without_a_target_there_is_nothing_to_evaluate(small):
    with pytest.raises(InvalidFrame, match="no column 'target'"):
        logged(small().drop("target"))


def test_a_log_that_left_nothing_to_chance_is_warned_of(small):
    log = small(propensity=[1.0] * 4, target=[1.0] * 4)

    assert any("left nothing to chance" in said for said in off_policy(logged(log)).warnings)


def test_probabilities_that_cannot_be_right_show_in_the_mean_weight(world):
    rows, target = world.log(np.random.default_rng(7), 2_000)

    result = off_policy(logged(rows.with_columns(pl.col("propensity") / 2), target))

    assert "the mean weight is 1.98 and should be 1" in result.warnings[0]
