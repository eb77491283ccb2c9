"""LambdaMART: trees that are served as LightGBM would score, learned the same whatever the number of threads."""

import subprocess
import sys

import numpy as np
import pytest
from polars.testing import assert_frame_equal

from data_contracts.errors import InvalidDocument
from recsys_algo.ranker import Ranker, feature_names, ranker_arrays
from recsys_pipelines.second_stage.lambdamart import LambdaMart, grown, nodes_of, parameters, settings_of
from recsys_pipelines.second_stage.lessons import Lesson

pytestmark = pytest.mark.slow  # LightGBM
SOURCES = ("als", "popularity")
NAMES = feature_names(SOURCES)
USERS, EACH = 60, 50


@pytest.fixture
def lesson():
    """Users who want what is cheap, whatever the sources say."""
    rng = np.random.default_rng(2)
    matrix = rng.random((USERS * EACH, len(NAMES)))
    matrix[:, NAMES.index("brand_share")] = np.nan
    price = matrix[:, NAMES.index("price_minor")]
    relevant = (price < 0.2) & (rng.random(len(price)) < 0.7)
    user = np.repeat(np.arange(USERS), EACH)
    return Lesson(SOURCES, matrix, user, relevant, np.bincount(user, weights=relevant).astype(int))


QUICK = LambdaMart(trees=15, candidates_in_leaf=20, learning_rate=0.2)


def order_of(table, matrix):
    return Ranker.of(ranker_arrays(SOURCES, table.to_dict(as_series=False))).order(matrix)


@pytest.mark.parametrize("seed", [1, 2])
def test_served_trees_score_as_the_library_does_whatever_is_missing(seed):
    import lightgbm  # noqa: PLC0415

    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(4000, len(NAMES))).round(2)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    matrix[:, 3] = np.nan_to_num(matrix[:, 3])  # a feature of which nothing was missing in training
    labels = (np.nan_to_num(matrix[:, 0]) + matrix[:, 3] + rng.normal(size=4000) > 1).astype(int)
    data = lightgbm.Dataset(matrix, labels, group=[100] * 40)
    settings = {"objective": "lambdarank", "num_leaves": 31, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(settings, data, 30)
    asked = np.concatenate([matrix, rng.normal(size=(4000, len(NAMES))).round(2)])
    asked[rng.random(asked.shape) < 0.2] = np.nan

    ranker = Ranker.of(ranker_arrays(SOURCES, nodes_of(booster, NAMES).to_dict(as_series=False)))

    np.testing.assert_allclose(ranker.trees.scores(asked) / 2**30, booster.predict(asked, num_threads=1), atol=1e-6)


def test_what_users_want_comes_first(lesson):
    fresh = np.random.default_rng(9).random((200, len(NAMES)))

    order = order_of(grown(lesson, QUICK), fresh)

    cheap = fresh[:, NAMES.index("price_minor")] < 0.2
    assert cheap[order][: cheap.sum()].mean() > 0.9


def test_a_better_rank_never_counts_against_an_item(lesson):
    """Noise would have it otherwise."""
    rising = np.tile(np.random.default_rng(4).random(len(NAMES)), (50, 1))
    rising[:, NAMES.index("als.rank")] = np.linspace(0, 1, 50)

    table = grown(lesson, QUICK)

    scores = Ranker.of(ranker_arrays(SOURCES, table.to_dict(as_series=False))).trees.scores(rising)
    assert (np.diff(scores) >= 0).all()


def test_the_same_lesson_gives_the_same_trees(lesson):
    assert_frame_equal(grown(lesson, QUICK), grown(lesson, QUICK))


def test_the_number_of_threads_changes_nothing(lesson):
    import lightgbm  # noqa: PLC0415

    def trees(threads):
        data = lightgbm.Dataset(lesson.matrix, lesson.relevant.astype(int), group=[EACH] * USERS)
        settings = parameters(QUICK, NAMES, len(lesson.user)) | {"num_threads": threads}
        return nodes_of(lightgbm.train(settings, data, 5), NAMES)

    assert_frame_equal(trees(1), trees(2))


def test_users_of_whom_nothing_turned_out_right_change_nothing(lesson):
    silent = Lesson(
        SOURCES,
        np.concatenate([lesson.matrix, lesson.matrix[:EACH]]),
        np.concatenate([lesson.user, np.full(EACH, USERS)]),
        np.concatenate([lesson.relevant, np.zeros(EACH, np.bool_)]),
        np.append(lesson.wanted, 3),
    )

    assert_frame_equal(grown(silent, QUICK), grown(lesson, QUICK))


def test_there_are_no_more_trees_than_asked_for(lesson):
    assert grown(lesson, LambdaMart(trees=3, candidates_in_leaf=20))["tree"].n_unique() <= 3


@pytest.mark.parametrize("setting", [{"trees": 0}, {"leaves": 33}, {"depth": 3}])
def test_a_setting_that_no_model_takes_is_named(setting):
    with pytest.raises(InvalidDocument, match=r"second_stage.settings: .*lambdamart takes trees \(default 100\)"):
        settings_of(setting, "second_stage.settings")


WITHOUT = """
import sys
sys.modules["lightgbm"] = None  # what an import of a library that is not installed comes to
import numpy as np
from recsys_pipelines.second_stage.lambdamart import LambdaMart, grown
from recsys_pipelines.second_stage.lessons import Lesson
grown(Lesson((), np.zeros((0, 9)), np.zeros(0, int), np.zeros(0, bool), np.zeros(0, int)), LambdaMart())
"""


def test_without_the_library_the_extra_is_named():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)

    assert "MissingExtra" in done.stderr
    assert "the extra `ranker`: pip install 'recsys-suite[pipelines,ranker]'" in done.stderr
