import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_eval.errors import InvalidFrame
from recsys_eval.metrics import Metrics, evaluate
from recsys_eval.slices import Slice, compared, described, slices_of, smallest_moved
from recsys_eval.verdict import SliceValue

TRUTH = pl.DataFrame({"user_id": ["ann", "ann", "bob", "cy"], "item_id": ["cup", "new", "tea", "tea"]})
TRAIN = pl.DataFrame(
    {"user_id": ["ann"] * 5 + ["bob", "bob"], "item_id": ["cup", "tea", "jam", "pot", "pan", "tea", "tea"]}
)
CATALOG = pl.DataFrame({"item_id": ["cup", "jam", "new", "tea"], "category": ["china", "food", None, "food"]})


def parts(**tables) -> dict[tuple[str, str], list[tuple[str, str]]]:
    return {each[:2]: each.truth.rows() for each in slices_of(TRUTH, **tables)}


def test_users_are_cold_warm_or_hot_by_how_many_items_they_had():
    found = parts(train=TRAIN)

    assert found["user history", "hot"] == [("ann", "cup"), ("ann", "new")]  # 5 different items
    assert found["user history", "warm"] == [("bob", "tea")]  # twice the same is one
    assert found["user history", "cold"] == [("cy", "tea")]


def test_an_item_that_nobody_had_is_new():
    found = parts(train=TRAIN)

    assert found["item age", "new"] == [("ann", "new")]
    assert found["item age", "known"] == [("ann", "cup"), ("bob", "tea"), ("cy", "tea")]


def test_a_category_holds_the_pairs_of_its_items_and_what_has_none_is_in_no_slice():
    assert parts(catalog=CATALOG) == {
        ("category", "china"): [("ann", "cup")],
        ("category", "food"): [("bob", "tea"), ("cy", "tea")],
    }


def test_labels_of_users_items_or_pairs_are_dimensions():
    users = pl.DataFrame({"user_id": ["ann", "bob"], "segment": ["vip", None], "age": [3, 4]})
    pairs = pl.DataFrame({"user_id": ["cy"], "item_id": ["tea"], "surface": ["home"]})

    found = parts(labels=[users, pairs])

    assert found == {("segment", "vip"): [("ann", "cup"), ("ann", "new")], ("surface", "home"): [("cy", "tea")]}


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        pytest.param(pl.DataFrame({"name": ["x"]}), "need a column user_id or item_id", id="of nothing"),
        pytest.param(
            pl.DataFrame({"user_id": ["a", "a"], "segment": ["x", "y"]}), "repeat a user_id", id="two of one user"
        ),
    ],
)
def test_labels_that_say_nothing_or_two_things_are_refused(label, complaint):
    with pytest.raises(InvalidFrame, match=complaint):
        slices_of(TRUTH, labels=[label])


def world(users: int, loss: float, hurt: int, seed: int = 0) -> tuple[tuple[Slice, ...], Metrics, Metrics]:
    """Each user chose one item; the incumbent shows it with chance 0.6, the candidate to the first ``hurt`` less."""
    rng = np.random.default_rng(seed)
    names = [f"u{n:04d}" for n in range(users)]
    truth = pl.DataFrame({"user_id": names, "item_id": "x"})
    segment = ["hurt" if n < hurt else f"s{n % 4}" for n in range(users)]
    chance = np.where(np.arange(users) < hurt, 0.6 - loss, 0.6)
    sides = [
        evaluate(
            pl.DataFrame({"user_id": names, "item_id": np.where(rng.random(users) < p, "x", "y"), "rank": 1}), truth, 10
        )
        for p in (chance, 0.6)
    ]
    labels = pl.DataFrame({"user_id": names, "segment": segment})
    return slices_of(truth, labels=[labels]), *sides


def values(made, minimum_users: int = 30) -> tuple[SliceValue, ...]:
    return compared(*made, "ndcg@10", minimum_users=minimum_users, confidence=0.95)


def test_the_smallest_slice_that_moved_is_found_among_others():
    found = values(world(users=2000, loss=0.5, hurt=100))

    moved = smallest_moved(found)
    assert (moved.name, moved.users, moved.moved) == ("hurt", 100, "down")
    assert described(moved, "ndcg@10").startswith("segment 'hurt' (100 users): ndcg@10 -")
    assert found[0] == moved


def test_values_of_a_slice_are_those_of_its_users():
    made = world(users=400, loss=0.3, hurt=100)
    hurt = next(value for value in values(made) if value.name == "hurt")

    for side, value in zip(made[1:], (hurt.candidate, hurt.incumbent), strict=True):
        assert value == pytest.approx(side.per_user.head(100)["ndcg@10"].mean())
    assert hurt.difference == pytest.approx(hurt.candidate / hurt.incumbent - 1, abs=1e-6)


def test_equal_systems_move_no_slice_in_nearly_all_tries():
    moved = sum(
        smallest_moved(values(world(users=250, loss=0.0, hurt=50, seed=seed))) is not None for seed in range(60)
    )

    assert moved <= 8  # 5 % of 60 are 3; more than 8 has a chance of 1 in 200


def test_a_slice_with_too_few_users_is_not_looked_at():
    assert "hurt" not in {value.name for value in values(world(users=400, loss=0.5, hurt=29))}


def test_a_metric_that_is_not_made_of_hits_has_no_slices():
    made = world(users=400, loss=0.0, hurt=100)

    assert compared(*made, "auc@10", minimum_users=30, confidence=0.95) == ()


def test_a_slice_in_which_the_incumbent_had_no_hit_has_no_share_but_may_have_moved():
    names = [f"u{n}" for n in range(40)]
    truth = pl.DataFrame({"user_id": names, "item_id": "x"})
    shown = pl.DataFrame({"user_id": names, "item_id": "x", "rank": 1})

    found = compared(
        slices_of(truth, train=truth),
        evaluate(shown, truth, 10),
        evaluate(shown.with_columns(item_id=pl.lit("y")), truth, 10),
        "ndcg@10",
        minimum_users=30,
        confidence=0.95,
    )

    assert {(value.difference, value.moved) for value in found} == {(None, "up")}


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999))
def test_the_slices_of_a_dimension_share_the_truth_out(seed):
    rng = np.random.default_rng(seed)
    pairs = {"user_id": rng.choice(list("abcdef"), 12), "item_id": rng.choice(list("uvwxyz"), 12)}
    truth = pl.DataFrame(pairs).unique(maintain_order=True)

    found = slices_of(truth.head(6), train=truth.tail(5))

    for dimension in ("user history", "item age"):
        parts = [each.truth for each in found if each.dimension == dimension]
        assert pl.concat(parts).sort("user_id", "item_id").equals(truth.head(6).sort("user_id", "item_id"))
