from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsys_pipelines.algorithm import InvalidTrainingData, TrainingData
from recsys_pipelines.algorithms import content
from recsys_pipelines.algorithms.content import Content
from recsys_pipelines.embeddings.neighbors import neighbors

NOW = datetime(2026, 1, 29, tzinfo=UTC)
INTERACTIONS = {
    "user_id": pl.String,
    "item_id": pl.String,
    "weight": pl.Float64,
    "last_ts": pl.Datetime("us", "UTC"),
    "count": pl.Int64,
}
# In the plane: east, a little north of it, north, west, and one without a text.
PLANE = {"east": (1.0, 0.0), "near": (0.8, 0.6), "north": (0.0, 1.0), "west": (-1.0, 0.0), "blank": (0.0, 0.0)}


def data(vectors, weights=(), catalog=None, blocked=()):
    """Training data from vectors by item and (item, weight) of one user."""
    embeddings = pl.DataFrame(
        {"item_id": list(vectors), "vector": [list(vector) for vector in vectors.values()]},
        schema={"item_id": pl.String, "vector": pl.List(pl.Float32)},
    )
    interactions = pl.DataFrame([("ann", *pair, NOW, 1) for pair in weights], schema=INTERACTIONS, orient="row")
    items = pl.DataFrame({"item_id": list(vectors) if catalog is None else catalog}, schema={"item_id": pl.String})
    return TrainingData(interactions, items, now=NOW, embeddings=lambda: embeddings, blocked_pairs=blocked)


def random_vectors(seed, items=80, length=384):
    """Vectors of length 1, every fourth one as the one before, one of them zero."""
    rows = np.random.default_rng(seed).normal(size=(items, length)).astype(np.float32)
    rows[3::4] = rows[2::4]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[5] = 0
    return {f"i{number:03}": row.tolist() for number, row in enumerate(rows)}


def test_texts_are_as_near_as_the_cosine_of_their_vectors():
    table = Content().fit(data(PLANE))

    assert list(table.iter_rows()) == [
        ("east", "near", 0.8),
        ("near", "east", 0.8),
        ("near", "north", 0.6),
        ("north", "near", 0.6),
    ]


def test_an_item_that_nobody_touched_has_neighbours():
    table = Content().fit(data(PLANE, weights=[("east", 1.0)]))

    assert "north" in table["item_id"]


def test_what_is_not_alike_enough_is_left_out():
    table = Content(min_similarity=0.7).fit(data(PLANE))

    assert table.select("item_id", "neighbor_id").rows() == [("east", "near"), ("near", "east")]


def test_a_pair_that_a_person_ruled_out_does_not_occur_in_either_direction():
    table = Content().fit(data(PLANE, blocked=(("near", "north"), ("near", "unheard of"))))

    assert table.select("item_id", "neighbor_id").rows() == [("east", "near"), ("near", "east")]


def test_ties_go_to_the_smaller_id_or_to_what_is_more_popular():
    twins = {"a": (1.0, 0.0), "b": (1.0, 0.0), "c": (1.0, 0.0)}

    plain = Content().fit(data(twins, weights=[("c", 4.0), ("b", 1.0)]))
    popular = Content(popularity_weight=0.1).fit(data(twins, weights=[("c", 4.0), ("b", 1.0)]))

    assert plain.filter(item_id="a").rows() == [("a", "b", 1.0), ("a", "c", 1.0)]
    assert popular.filter(item_id="a").rows() == [("a", "c", 1.1), ("a", "b", 1.025)]


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_what_the_spot_check_of_the_embeddings_finds(seed):
    vectors = random_vectors(seed)
    blocked = (("i000", "i001"), ("i002", "i003"))

    table = Content(neighbors=7).fit(data(vectors, blocked=blocked))

    expected = neighbors(data(vectors).embeddings(), list(vectors), 7, blocked=blocked).filter(pl.col("score") > 0)
    assert table["item_id"].equals(expected["item_id"])
    assert np.abs(table["score"] - expected["score"]).max() < 2e-6  # it rounds float32, we float64
    clear = pl.col("score") > pl.col("score").min().over("item_id") + 2e-6
    pairs = expected.filter(clear).select("item_id", "neighbor_id")
    assert pairs.join(table, on=["item_id", "neighbor_id"], how="anti").height == 0
    assert pairs.height > 400


def test_blocks_do_not_change_what_is_found():
    """4,000 items are more than two blocks; all stand on a circle, each between its neighbours."""
    angles = np.linspace(0, 2 * np.pi, 4_000, endpoint=False)
    vectors = {f"i{place:04}": (float(np.cos(angle)), float(np.sin(angle))) for place, angle in enumerate(angles)}
    assert content.CELLS < 2 * 4_000**2

    table = Content(neighbors=2).fit(data(vectors))

    near = table.group_by("item_id", maintain_order=True).agg(pl.col("neighbor_id").sort())["neighbor_id"].to_list()
    expected = [sorted(f"i{(place + step) % 4_000:04}" for step in (-1, 1)) for place in range(4_000)]
    assert near == expected


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(data({}), id="no items"),
        pytest.param(data({"a": (0.0, 0.0), "b": (0.0, 0.0)}), id="no texts"),
        pytest.param(data({"a": (1.0, 0.0)}), id="one item"),
        pytest.param(data(PLANE, catalog=["other"]), id="none of the catalog"),
    ],
)
def test_where_there_is_nothing_to_compare_there_is_nothing_alike(given):
    assert Content().fit(given).height == 0


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        pytest.param({"a": (1.0, 0.0), "b": (1.0,)}, r"different lengths: \[1, 2\]", id="other lengths"),
        pytest.param({"a": (1.0, 0.0), "b": (float("nan"), 0.0)}, "embedding of 'b' is not finite", id="no number"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(vectors, message):
    with pytest.raises(InvalidTrainingData, match=message):
        Content().fit(data(vectors))
