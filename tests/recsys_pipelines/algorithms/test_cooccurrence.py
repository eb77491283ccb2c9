from datetime import UTC, datetime, timedelta
from math import sqrt

import msgspec
import numpy as np
import polars as pl
import pytest
from implicit.nearest_neighbours import CosineRecommender
from scipy import sparse

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms.cooccurrence import Cooccurrence

NOW = datetime(2026, 1, 29, tzinfo=UTC)

# Four people; in common: tea & milk 2, tea & jam 1, milk & jam 1. Alone: tea 3, milk 2, jam 2, salt 1.
ROWS = [
    ("ann", "tea", 1.0, 0),
    ("ann", "milk", 2.0, 0),
    ("bob", "tea", 3.0, 0),
    ("bob", "milk", 1.0, 0),
    ("bob", "jam", 1.0, 0),
    ("cid", "tea", 2.0, 0),
    ("dan", "jam", 5.0, 0),
    ("eve", "salt", 1.0, 0),
]


def data(rows):
    """Training data from (user, item, weight, age in days)."""
    interactions = pl.DataFrame(
        [(user, item, weight, NOW - timedelta(days=age), 1) for user, item, weight, age in rows],
        schema=["user_id", "item_id", "weight", "last_ts", "count"],
        orient="row",
    )
    return TrainingData(interactions, pl.DataFrame({"item_id": sorted({item for _, item, _, _ in rows})}), now=NOW)


def random_rows(seed, users=40, items=30, share=0.2):
    """A random matrix with weights, as rows."""
    rng = np.random.default_rng(seed)
    return [
        (f"u{user}", f"i{item:03d}", float(rng.integers(1, 6)), 0)
        for user in range(users)
        for item in range(items)
        if rng.random() < share
    ]


def neighbours(table):
    """Each item's neighbours with their scores."""
    return {
        item: dict(rows.select("neighbor_id", "score").iter_rows())
        for (item,), rows in table.group_by("item_id", maintain_order=True)
    }


def plain(**settings):
    """Settings without shrinkage or a minimum, and with all neighbours."""
    return Cooccurrence(**{"shrinkage": 0.0, "min_support": 1, "neighbors": None, **settings})


@pytest.mark.parametrize(
    ("similarity", "tea_milk", "tea_jam", "milk_jam"),
    [
        pytest.param("count", 2, 1, 1, id="users in common"),
        pytest.param("cosine", 2 / sqrt(3 * 2), 1 / sqrt(3 * 2), 1 / sqrt(2 * 2), id="cosine"),
        pytest.param("jaccard", 2 / (3 + 2 - 2), 1 / (3 + 2 - 1), 1 / (2 + 2 - 1), id="jaccard"),
        pytest.param("lift", 5 * 2 / (3 * 2), 5 * 1 / (3 * 2), 5 * 1 / (2 * 2), id="lift, of five users"),
    ],
)
def test_a_similarity_is_its_formula(similarity, tea_milk, tea_jam, milk_jam):
    found = neighbours(plain(similarity=similarity).fit(data(ROWS)))

    assert found == {
        "jam": {"milk": milk_jam, "tea": tea_jam},
        "milk": {"tea": tea_milk, "jam": milk_jam},
        "tea": {"milk": tea_milk, "jam": tea_jam},
    }


def test_shrinkage_trusts_few_users_less():
    found = neighbours(plain(similarity="count", shrinkage=2.0).fit(data(ROWS)))

    assert found["tea"] == {"milk": 2 * 2 / (2 + 2), "jam": 1 * 1 / (1 + 2)}


def test_items_below_the_minimum_support_are_strangers():
    found = neighbours(plain(similarity="count", min_support=2).fit(data(ROWS)))

    assert found == {"milk": {"tea": 2}, "tea": {"milk": 2}}


def test_weights_count_if_wanted():
    found = neighbours(plain(weighted=True).fit(data(ROWS)))

    tea, milk = 1 + 9 + 4, 4 + 1
    assert found["tea"]["milk"] == pytest.approx((1 * 2 + 3 * 1) / sqrt(tea * milk), rel=1e-15)


def test_support_is_counted_in_users_even_if_weights_count():
    found = neighbours(plain(similarity="count", weighted=True, min_support=2, shrinkage=2.0).fit(data(ROWS)))

    assert found == {"milk": {"tea": 5 * 2 / 4}, "tea": {"milk": 5 * 2 / 4}}


def test_weights_decay_with_their_half_life():
    rows = [("ann", "tea", 8.0, 6), ("ann", "milk", 2.0, 2)]

    found = neighbours(plain(similarity="count", weighted=True, half_life_days=2).fit(data(rows)))

    assert found["tea"]["milk"] == (8 / 2**3) * (2 / 2)


def test_a_half_life_without_weights_is_refused():
    with pytest.raises(msgspec.ValidationError, match="half_life_days has no effect unless weighted"):
        msgspec.convert({"half_life_days": 3.0}, Cooccurrence)


def test_the_nearest_are_kept_and_ties_go_to_the_smaller_id():
    rows = [(user, item, 1.0, 0) for user in ("ann", "bob") for item in ("d", "c", "b", "a")] + [("ann", "z", 1.0, 0)]

    table = plain(similarity="count", neighbors=2).fit(data(rows))

    assert list(table.iter_rows()) == [
        ("a", "b", 2.0),
        ("a", "c", 2.0),
        ("b", "a", 2.0),
        ("b", "c", 2.0),
        ("c", "a", 2.0),
        ("c", "b", 2.0),
        ("d", "a", 2.0),
        ("d", "b", 2.0),
        ("z", "a", 1.0),
        ("z", "b", 1.0),
    ]


@pytest.mark.parametrize("weighted", [False, True], ids=["ones", "weights"])
@pytest.mark.parametrize("seed", range(5))
def test_cosine_equals_brute_force(seed, weighted):
    rows = random_rows(seed)

    found = neighbours(plain(weighted=weighted).fit(data(rows)))

    vectors = {}
    for user, item, weight, _ in rows:
        vectors.setdefault(item, {})[user] = weight if weighted else 1.0
    for item, others in found.items():
        expected = {
            other: sum(vectors[item].get(user, 0) * weight for user, weight in vector.items())
            / sqrt(sum(w * w for w in vectors[item].values()) * sum(w * w for w in vector.values()))
            for other, vector in vectors.items()
            if other != item and vector.keys() & vectors[item].keys()
        }
        assert others == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_are_a_prefix_of_all(seed):
    """Small integers make many ties, where a cut is easily wrong."""
    rows = random_rows(seed)

    everything = plain(similarity="count").fit(data(rows))

    few = plain(similarity="count", neighbors=4).fit(data(rows))
    assert few.equals(everything.group_by("item_id", maintain_order=True).head(4))


def test_many_items_are_done_in_blocks_without_a_seam():
    """Each of 150 users had all of 160 items: 3.8 million products, so more than one block."""
    rows = [(f"u{user}", f"i{item:03d}", 1.0, 0) for user in range(150) for item in range(160)]

    table = plain(similarity="count").fit(data(rows))

    assert table.height == 160 * 159
    assert table["score"].unique().to_list() == [150.0]
    assert table["item_id"].is_sorted()


@pytest.mark.filterwarnings("ignore:Method expects CSR input:implicit.utils.ParameterWarning")  # its own, internally
def test_it_equals_the_cosine_of_implicit():
    rows = random_rows(11, users=200, items=60)
    users, items = sorted({row[0] for row in rows}), sorted({row[1] for row in rows})
    cells = sparse.lil_matrix((len(users), len(items)))
    for user, item, weight, _ in rows:
        cells[users.index(user), items.index(item)] = weight
    peer = CosineRecommender(K=len(items), num_threads=1)
    peer.fit(cells.tocsr(), show_progress=False)

    found = neighbours(plain(weighted=True).fit(data(rows)))

    for position, item in enumerate(items):
        row = peer.similarity[position]
        expected = {
            items[other]: score for other, score in zip(row.indices, row.data, strict=True) if other != position
        }
        assert found[item] == pytest.approx(expected, rel=1e-12)
