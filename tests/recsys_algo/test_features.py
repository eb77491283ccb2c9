"""The features of candidates, each worked out by hand on a small shop."""

from datetime import UTC, datetime

import numpy as np
import pytest

from recsys_algo.rank import recommend
from recsys_algo.ranker import feature_names
from recsys_algo.second_stage import lesson

NEW, OLD = datetime(2026, 1, 1, tzinfo=UTC), datetime(1965, 1, 31, 18, tzinfo=UTC)
SOURCES = ["als", "cooccurrence", "lists", "popularity"]
SHELF = [
    {"item_id": "a", "brand": "X", "category": "hats", "price_minor": 100, "created_at": NEW},
    {"item_id": "b", "brand": "X", "category": "bags", "price_minor": 300},
    {"item_id": "c", "brand": "Y", "category": "hats", "created_at": OLD},
    {"item_id": "d", "price_minor": 500},
]
VECTORS = [
    ("item", "a", [1.0, 0.0]),
    ("item", "b", [0.0, 1.0]),
    ("item", "c", [1.0, 1.0]),
    ("user", "ann", [2.0, 1.0]),
]


@pytest.fixture
def bundle(shop):
    return shop(
        SHELF,
        ranking={"weights": dict.fromkeys(SOURCES, 1.0), "exclude_seen": None},
        popularity=[("", "a", 4.0), ("", "b", 2.0)],
        cooccurrence=[("a", "b", 0.5), ("a", "c", 0.2), ("d", "c", 0.2)],
        lists=[("ann", "c", 3.0)],
        als=VECTORS,
        history=[("ann", "a", 3.0), ("ann", "d", 1.0), ("bob", "a", 1.0)],
    )


@pytest.fixture
def of(ask):
    """``of(bundle, user, feature)``: the feature of each candidate, by item."""

    def column(bundle, user, feature):
        trace = recommend(bundle, ask(user_id=user)).trace
        items, matrix = lesson(trace, SOURCES)
        values = matrix[:, feature_names(SOURCES).index(feature)].tolist()
        return dict(sorted(zip(bundle.catalog.names(items.tolist()), values, strict=True)))

    return column


NAN = float("nan")
EXPECTED = {
    "als.rank": {"a": 5 / 6, "b": 5 / 7, "c": 1.0},  # 2 x 1, 1 x 1, 2 + 1
    "als.score": {"a": 0.666667, "b": 0.333333, "c": 1.0},
    "cooccurrence.rank": {"a": 0.0, "b": 1.0, "c": 5 / 6},
    "cooccurrence.score": {"a": 0.0, "b": 1.0, "c": 0.533333},  # 3 x 0.5; 3 x 0.2 + 1 x 0.2
    "lists.score": {"a": 0.0, "b": 0.0, "c": 1.0},
    "popularity.score": {"a": 1.0, "b": 0.5, "c": 0.0},
    "sources": {"a": 2.0, "b": 3.0, "c": 3.0},
    "popularity": {"a": 0.75, "b": 0.0, "c": 0.0},  # in two histories; d in one, b and c in none
    "age_days": {"a": 30.0, "b": NAN, "c": 22279.0},  # the tests' now is noon of 31 January 2026
    "price_minor": {"a": 100.0, "b": 300.0, "c": NAN},
    "price_ratio": {"a": 1 / 3, "b": 1.0, "c": NAN},  # the anchors a and d cost 100 and 500
    "category_share": {"a": 0.75, "b": 0.0, "c": 0.75},  # of the weights 3 and 1, hats have 3
    "brand_share": {"a": 0.75, "b": 0.75, "c": 0.0},
    "anchors": {"a": 2.0, "b": 2.0, "c": 2.0},
}


@pytest.mark.parametrize("feature", EXPECTED)
def test_a_feature_of_a_known_user_is_as_worked_out(bundle, of, feature):
    assert of(bundle, "ann", feature) == pytest.approx(EXPECTED[feature], abs=1e-9, nan_ok=True)


def test_the_blended_score_is_the_slates(bundle, ask):
    trace = recommend(bundle, ask(user_id="ann")).trace

    items, matrix = lesson(trace, SOURCES)

    slate = trace.steps[0][1]
    assert matrix[:, feature_names(SOURCES).index("blend")].tolist() == slate.scores[: len(items)].tolist()


@pytest.mark.parametrize("feature", ["als.score", "cooccurrence.score", "lists.score", "price_ratio", "brand_share"])
def test_of_a_stranger_nothing_personal_is_known(bundle, of, feature):
    assert all(np.isnan(value) for value in of(bundle, "stranger", feature).values())


def test_what_a_stranger_gets_is_known_to_be_popular(bundle, of):
    assert of(bundle, "stranger", "popularity.score") == {"a": 1.0, "b": 0.5}


def test_a_source_that_this_generation_lacks_is_unknown(shop, ask, of):
    bundle = shop(SHELF, popularity=[("", "a", 1.0)])

    assert of(bundle, "ann", "als.rank") == {"a": 0.0}
    assert np.isnan(of(bundle, "ann", "als.score")["a"])
    assert np.isnan(of(bundle, "ann", "popularity")["a"])
