from datetime import UTC, datetime, timedelta
from math import log, sqrt

import msgspec
import numpy as np
import polars as pl
import pytest
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
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
@pytest.mark.parametrize(
    ("similarity", "peer"),
    [("cosine", CosineRecommender), ("tfidf", TFIDFRecommender), ("bm25", BM25Recommender)],
    ids=["cosine", "tfidf", "bm25"],
)
def test_it_equals_that_of_implicit(similarity, peer):
    rows = random_rows(11, users=200, items=60)
    users, items = sorted({row[0] for row in rows}), sorted({row[1] for row in rows})
    cells = sparse.lil_matrix((len(users), len(items)))
    for user, item, weight, _ in rows:
        cells[users.index(user), items.index(item)] = weight
    model = peer(K=len(items), num_threads=1)
    model.fit(cells.tocsr(), show_progress=False)

    found = neighbours(plain(similarity=similarity, weighted=True).fit(data(rows)))

    for position, item in enumerate(items):
        row = model.similarity[position]
        expected = {
            items[other]: score for other, score in zip(row.indices, row.data, strict=True) if other != position
        }
        assert found[item] == pytest.approx(expected, rel=1e-12)


def test_a_user_who_had_much_says_less_in_bm25():
    """Two items: log 4 - log 3; b = 0 leaves out an item's own length, so that a one weighs (k1 + 1) / (k1 + 1)."""
    rows = [("ann", "tea", 1.0, 0), ("ann", "milk", 1.0, 0), ("bob", "jam", 1.0, 0), ("bob", "salt", 1.0, 0)]

    found = neighbours(plain(similarity="bm25", b=0.0).fit(data(rows)))

    assert found["tea"]["milk"] == pytest.approx((log(4) - log(3)) ** 2, rel=1e-14)


def test_a_user_who_had_nearly_everything_says_nothing_in_tfidf():
    """Of three items the user had two: log 3 - log(1 + 2) = 0."""
    rows = [("ann", "tea", 1.0, 0), ("ann", "milk", 1.0, 0), ("bob", "jam", 1.0, 0)]

    assert plain(similarity="tfidf").fit(data(rows)).height == 0


def visits(rows):
    """Training data from events (type, user, visit, order, item, age in days), without interactions."""
    names = ["type", "user_id", "session_id", "order_id", "item_id", "age"]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String) | {"age": pl.Int64}, orient="row")
    events = frame.with_columns(ts=pl.lit(NOW) - pl.duration(days="age"), anonymous_id=pl.lit(None, pl.String))
    catalog = frame.select(pl.col("item_id").unique().sort())
    return TrainingData(data([("x", "x", 1.0, 0)]).interactions.clear(), catalog, [events.lazy()], now=NOW)


EVENTS = [
    ("view", "ann", "s1", None, "tea", 1),
    ("view", "ann", "s1", None, "milk", 1),
    ("purchase", "ann", "s1", "o1", "milk", 1),
    ("purchase", "ann", "s2", "o1", "jam", 0),
    ("view", "bob", "s3", None, "tea", 2),
    ("purchase", "bob", "s4", "o2", "jam", 0),
]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"basket": "session"}, {"milk": {"tea": 1.0}, "tea": {"milk": 1.0}}, id="in a visit"),
        pytest.param(
            {"basket": "order", "types": ("purchase",)}, {"jam": {"milk": 1.0}, "milk": {"jam": 1.0}}, id="in an order"
        ),
        pytest.param(
            {"types": ("purchase",)}, {"jam": {"milk": 1.0}, "milk": {"jam": 1.0}}, id="bought by the same person"
        ),
        pytest.param({"types": ("view",)}, {"milk": {"tea": 1.0}, "tea": {"milk": 1.0}}, id="seen by the same person"),
        pytest.param(
            {"basket": "session", "weighted": True, "half_life_days": 1.0},
            {"milk": {"tea": 0.25}, "tea": {"milk": 0.25}},
            id="yesterday, which counts half, twice",
        ),
    ],
)
def test_items_go_together_that_were_together_in_a_basket(settings, expected):
    found = neighbours(plain(similarity="count", **settings).fit(visits(EVENTS)))

    assert found == expected


def test_users_of_events_are_counted_like_those_of_interactions():
    rows = random_rows(5)
    events = [("purchase", user, None, None, item, age) for user, item, _, age in rows]

    table = plain(types=("purchase",)).fit(visits(events))

    assert table.equals(plain().fit(data(rows)))
