"""Trees as arrays: they score as the library that grew them does, whatever is missing; and what cannot be served."""

import numpy as np
import pytest

from recsys_algo.errors import BadArtifact
from recsys_algo.ranker import (
    COMMON,
    NODES,
    Ranker,
    Trees,
    feature_names,
    ranker_arrays,
    weight_arrays,
    weights_of,
)

ROOT = {"tree": 0, "node": 0, "feature": "als.rank", "threshold": 0.5, "missing_left": False, "left": 1, "right": 2}
LOW = {"tree": 0, "node": 1, "value": -1.0}
HIGH = {"tree": 0, "node": 2, "value": 2.0}


def nodes(*rows):
    return {name: [row.get(name) for row in rows] for name in NODES}


def matrix(*values):
    """One row per value of the first feature."""
    rows = np.zeros((len(values), 2 + len(COMMON)))
    rows[:, 0] = values
    return rows


def scores(rows, *tree):
    return (Ranker.of(ranker_arrays(["als"], nodes(*tree))).trees.scores(rows) / 2**30).tolist()


def test_a_value_at_the_threshold_goes_left_and_one_above_it_right():
    assert scores(matrix(0.4, 0.5, 0.6), ROOT, LOW, HIGH) == [-1.0, -1.0, 2.0]


@pytest.mark.parametrize(("left", "expected"), [(True, -1.0), (False, 2.0)])
def test_a_missing_value_goes_where_the_split_says(left, expected):
    assert scores(matrix(np.nan), ROOT | {"missing_left": left}, LOW, HIGH) == [expected]


def test_trees_add_up():
    second = [row | {"tree": 1} for row in (ROOT | {"threshold": 0.8}, LOW, HIGH)]

    assert scores(matrix(0.6, 0.9), ROOT, LOW, HIGH, *second) == [1.0, 4.0]


def test_a_tree_of_one_leaf_gives_everybody_the_same():
    assert scores(matrix(0.0, np.nan), {"tree": 0, "node": 0, "value": 0.25}) == [0.25, 0.25]


def test_the_order_is_best_first_and_equal_scores_keep_their_places():
    ranker = Ranker.of(ranker_arrays(["als"], nodes(ROOT, LOW, HIGH)))

    assert ranker.order(matrix(0.1, 0.9, 0.2, 0.8)).tolist() == [1, 3, 0, 2]


def test_no_candidates_are_no_trouble():
    ranker = Ranker.of(ranker_arrays(["als"], nodes(ROOT, LOW, HIGH)))

    assert ranker.order(matrix()).tolist() == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param(ROOT | {"feature": "mood"}, "ask for mood", id="a feature that nobody computes"),
        pytest.param(ROOT | {"threshold": float("inf")}, "tree 0 has .* inf", id="a threshold without end"),
    ],
)
def test_a_tree_that_cannot_be_served_is_refused(row, message):
    with pytest.raises(ValueError, match=message):
        ranker_arrays(["als"], nodes(row, LOW, HIGH))


def test_a_tree_of_more_leaves_than_a_mask_has_bits_is_refused():
    splits = [ROOT | {"node": n, "left": 100 + n, "right": n + 1, "threshold": float(n)} for n in range(32)]
    leaves = [LOW | {"node": n} for n in (32, *range(100, 132))]

    with pytest.raises(ValueError, match="tree 0 has 33 leaves; at most 32"):
        ranker_arrays(["als"], nodes(*splits, *leaves))


def test_a_ranker_that_was_trained_on_other_features_is_refused():
    arrays = ranker_arrays(["als"], nodes(ROOT, LOW, HIGH))
    renamed = np.char.replace(arrays["features"], "age_days", "age_hours")

    with pytest.raises(BadArtifact, match="'age_days', 'age_hours'"):
        Ranker.of(arrays | {"features": renamed})


@pytest.mark.parametrize("name", ["thresholds", "bounds", "masks", "leaves", "sources"])
def test_an_array_that_is_missing_or_cut_is_refused(name):
    arrays = ranker_arrays(["als"], nodes(ROOT, LOW, HIGH))

    with pytest.raises(BadArtifact):
        Ranker.of({key: value for key, value in arrays.items() if key != name})
    with pytest.raises(BadArtifact):
        Ranker.of(arrays | {name: arrays[name][:-1]})


def test_weights_come_back_as_they_were():
    assert weights_of(weight_arrays({"b": 0.25, "a": 0.75})) == {"a": 0.75, "b": 0.25}


@pytest.mark.parametrize("weight", [-1.0, 0.0, float("nan")])
def test_weights_that_cannot_blend_are_refused(weight):
    with pytest.raises(BadArtifact, match="at least 0"):
        weights_of(weight_arrays({"a": weight}))


def test_the_columns_of_a_matrix_have_the_sources_first():
    assert feature_names(["als", "popularity"])[:4] == ("als.rank", "als.score", "popularity.rank", "popularity.score")


def test_trees_over_no_split_at_all_open():
    arrays = ranker_arrays([], nodes({"tree": 0, "node": 0, "value": 1.0}))

    assert Trees.of(arrays, len(COMMON)).scores(np.zeros((1, len(COMMON)))).tolist() == [2**30]
