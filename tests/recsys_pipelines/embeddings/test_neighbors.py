from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.feature_tables import EMBEDDINGS
from recsys_pipelines.contract import schema
from recsys_pipelines.embeddings.neighbors import SAMPLE, neighbors, spot_check
from recsys_pipelines.embeddings.svd import Svd
from recsys_pipelines.embeddings.texts import item_texts
from recsys_pipelines.synthetic import shop


def embeddings(vectors):
    """Items with the first numbers of their vectors; they are made of length one."""
    rows = np.zeros((len(vectors), 384), np.float32)
    for row, numbers in zip(rows, vectors.values(), strict=True):
        row[: len(numbers)] = np.array(numbers) / max(np.linalg.norm(numbers), 1e-9)
    columns = {"item_id": list(vectors), "content_hash": "h", "encoder": "e", "vector": rows.tolist()}
    return pl.DataFrame(columns, schema=schema(EMBEDDINGS))


FAN = embeddings({"a": (1, 0), "b": (1, 1), "c": (0, 1), "d": (-1, 0), "none": (0, 0)})


def of(item, **given):
    return neighbors(FAN, [item], given.pop("k", 3), **given)["neighbor_id"].to_list()


def test_the_nearest_come_first_and_never_the_item_itself():
    assert of("a") == ["b", "c", "d"]


def test_the_score_is_the_cosine():
    found = neighbors(FAN, ["a"], 3)

    assert found["score"].to_list() == pytest.approx([2**-0.5, 0, -1], abs=1e-6)
    assert found["rank"].to_list() == [1, 2, 3]


def test_ties_go_by_id():
    assert of("b", k=2) == ["a", "c"]


def test_fewer_items_than_asked_for_are_all_there_are():
    assert of("a", k=50) == ["b", "c", "d"]


def test_a_vector_of_zeros_has_no_neighbours_and_is_none():
    assert of("none") == []
    assert "none" not in of("d", k=50)


def test_an_unknown_item_has_no_neighbours():
    assert of("unknown") == []


@pytest.mark.parametrize("pair", [("a", "b"), ("b", "a")])
def test_a_blocked_pair_is_never_returned_in_either_direction(pair):
    assert of("a", blocked=[pair]) == ["c", "d"]
    assert "a" not in of("b", blocked=[pair])


def test_a_blocked_pair_of_an_unknown_item_blocks_nothing():
    assert of("a", blocked=[("a", "unknown")]) == ["b", "c", "d"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_neighbours_are_those_of_a_full_comparison(seed, k):
    rng = np.random.default_rng(seed)
    vectors = {f"i{n:02d}": rng.normal(size=5) for n in range(12)}
    blocked = [("i00", "i01"), ("i05", "i02")]

    found = neighbors(embeddings(vectors), list(vectors), k, blocked=blocked)

    unit = {item: vector / np.linalg.norm(vector) for item, vector in vectors.items()}
    barred = {pair for both in blocked for pair in permutations(both)}
    for item in vectors:
        others = [each for each in vectors if each != item and (item, each) not in barred]
        best = sorted((float(unit[item] @ unit[other]) for other in others), reverse=True)[:k]
        mine = found.filter(item_id=item)
        assert set(mine["neighbor_id"]) <= set(others)
        assert mine["score"].to_list() == pytest.approx(best, abs=1e-5)


def test_neighbours_in_the_synthetic_shop_are_of_the_same_topic():
    catalog = shop(items=300, events=280).items
    texts = item_texts(catalog)
    encoder = Svd().open(Svd().fit(texts["text"].to_list()), Path())
    vectors = encoder.encode(texts["text"].to_list()).tolist()
    index = texts.select("item_id", content_hash="text", encoder=pl.lit("e")).with_columns(
        vector=pl.Series(vectors, dtype=pl.List(pl.Float32))
    )

    found = neighbors(index, catalog["item_id"].to_list(), 5)

    topic = dict(catalog.select("item_id", "category").iter_rows())
    same = [topic[item] == topic[other] for item, other in found.select("item_id", "neighbor_id").iter_rows()]
    assert len(same) == 1500
    assert np.mean(same) > 0.95


def test_a_spot_check_shows_titles_of_the_same_sample_every_time(items):
    titles = {f"i{n:02d}": f"Item {n}" for n in range(30)}
    index = embeddings({id: (n % 7 + 1, n % 3, 1) for n, id in enumerate(titles)})

    first, again = (spot_check(index, items.titled(titles), k=2, seed=1) for _ in range(2))
    other = spot_check(index, items.titled(titles), k=2, seed=2)

    assert first.equals(again)
    assert first["item_id"].n_unique() == SAMPLE
    assert not first.equals(other)
    assert all(titles[row["neighbor_id"]] == row["neighbor_title"] for row in first.iter_rows(named=True))
