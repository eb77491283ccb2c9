from datetime import UTC, datetime

import msgspec
import numpy as np
import polars as pl
import pytest

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms.rp3beta import Rp3beta

NOW = datetime(2026, 1, 29, tzinfo=UTC)

# ann had all three, bob and cid had tea alone or with milk.
ROWS = [
    ("ann", "tea", 1.0),
    ("ann", "milk", 1.0),
    ("ann", "jam", 2.0),
    ("bob", "tea", 3.0),
    ("bob", "milk", 1.0),
    ("cid", "tea", 1.0),
]


def data(rows):
    """Training data from (user, item, weight)."""
    interactions = pl.DataFrame(
        [(user, item, weight, NOW, 1) for user, item, weight in rows],
        schema=["user_id", "item_id", "weight", "last_ts", "count"],
        orient="row",
    )
    return TrainingData(interactions, pl.DataFrame({"item_id": sorted({item for _, item, _ in rows})}), now=NOW)


def neighbours(table):
    """Each item's neighbours with their scores, the best first."""
    return {
        item: dict(rows.select("neighbor_id", "score").iter_rows())
        for (item,), rows in table.group_by("item_id", maintain_order=True)
    }


def test_a_walk_ends_with_the_product_of_its_steps():
    """From jam there is only ann, who had three items; from milk ann or bob, who had two."""
    found = neighbours(Rp3beta(alpha=1.0, beta=0.0).fit(data(ROWS)))

    assert found == {
        "jam": {"milk": pytest.approx(1 / 3), "tea": pytest.approx(1 / 3)},
        "milk": {"tea": pytest.approx(1 / 2 * 1 / 3 + 1 / 2 * 1 / 2), "jam": pytest.approx(1 / 2 * 1 / 3)},
        "tea": {"milk": pytest.approx(1 / 3 * 1 / 3 + 1 / 3 * 1 / 2), "jam": pytest.approx(1 / 3 * 1 / 3)},
    }


def test_popular_ends_are_held_back_by_beta():
    found = neighbours(Rp3beta(alpha=1.0, beta=2.0).fit(data(ROWS)))

    assert found["milk"] == {"tea": pytest.approx(5 / 12 / 3**2), "jam": pytest.approx(1 / 6 / 1**2)}
    assert list(found["milk"]) == ["jam", "tea"]


def test_alpha_bends_the_probability_of_each_step():
    found = neighbours(Rp3beta(alpha=2.0, beta=0.0).fit(data(ROWS)))

    assert found["jam"]["tea"] == pytest.approx(1 * (1 / 3) ** 2)


def test_steps_follow_the_weights_if_wanted():
    found = neighbours(Rp3beta(alpha=1.0, beta=0.0, weighted=True).fit(data(ROWS)))

    assert found["milk"]["tea"] == pytest.approx(1 / 2 * 1 / 4 + 1 / 2 * 3 / 4)
    assert found["tea"]["milk"] == pytest.approx(1 / 5 * 1 / 4 + 3 / 5 * 1 / 4)


@pytest.mark.parametrize("weighted", [False, True], ids=["ones", "weights"])
@pytest.mark.parametrize("seed", range(3))
def test_it_equals_the_formula_on_dense_matrices(seed, weighted):
    rng = np.random.default_rng(seed)
    cells = rng.integers(1, 5, (40, 25)) * (rng.random((40, 25)) < 0.2).astype(float)
    cells[:, cells.sum(axis=0) == 0] = 1.0
    rows = [(f"u{u:02}", f"i{i:02}", cells[u, i]) for u, i in np.argwhere(cells)]

    found = neighbours(Rp3beta(alpha=0.7, beta=0.4, weighted=weighted, neighbors=None).fit(data(rows)))

    graph = cells if weighted else (cells > 0).astype(float)
    graph = graph[graph.sum(axis=1) > 0]
    to_item, to_user = graph / graph.sum(axis=1, keepdims=True), graph.T / graph.T.sum(axis=1, keepdims=True)
    walks = to_user**0.7 @ to_item**0.7 / graph.sum(axis=0) ** 0.4
    for item, others in found.items():
        expected = {
            f"i{other:02}": score
            for other, score in enumerate(walks[int(item[1:])])
            if score > 0 and other != int(item[1:])
        }
        assert others == pytest.approx(expected, rel=1e-12)


def test_the_nearest_are_a_prefix_of_all():
    everything = Rp3beta(neighbors=None).fit(data(ROWS))

    assert Rp3beta(neighbors=1).fit(data(ROWS)).equals(everything.group_by("item_id", maintain_order=True).head(1))


def test_a_half_life_without_weights_is_refused():
    with pytest.raises(msgspec.ValidationError, match="half_life_days has no effect unless weighted"):
        msgspec.convert({"half_life_days": 3.0}, Rp3beta)
