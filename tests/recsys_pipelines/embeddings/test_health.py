import numpy as np
import polars as pl
import pytest

from data_contracts.feature_tables import EMBEDDINGS
from data_contracts.policies import EmbeddingSettings
from recsys_pipelines.contract import schema
from recsys_pipelines.embeddings.health import health

LENIENT = EmbeddingSettings(maximum_zero_share=0, maximum_duplicate_share=0)


def axis(number, value=1.0):
    vector = np.zeros(384, np.float32)
    vector[number] = value
    return vector


def embeddings(vectors, encoder="svd/1/x", text=None):
    columns = {
        "item_id": list(vectors),
        "content_hash": [text or f"text of {id}" for id in vectors],
        "encoder": encoder,
        "vector": [v.tolist() for v in vectors.values()],
    }
    return pl.DataFrame(columns, schema=schema(EMBEDDINGS))


def ill(found):
    return {fact.name: fact.examples for fact in found.facts if not fact.passed}


@pytest.fixture
def four(items):
    return items.titled(dict.fromkeys("abcd", "text"))


def test_a_vector_of_its_own_for_every_item_is_well(four):
    found = health(embeddings({id: axis(n) for n, id in enumerate("abcd")}), four, LENIENT)

    assert found.passed
    assert found.message == "the vectors of 4 items are well"


@pytest.mark.parametrize(
    ("vectors", "expected"),
    [
        pytest.param({"a": axis(0), "b": axis(1), "c": axis(2)}, {"missing": ("d",)}, id="missing"),
        pytest.param({"a": axis(0), "b": axis(1), "c": axis(2), "d": axis(0, 0.0)}, {"zero": ("d",)}, id="zero"),
        pytest.param({"a": axis(0), "b": axis(1), "c": axis(1), "d": axis(0)}, {"duplicate": ("c", "d")}, id="same"),
        pytest.param(
            {"a": axis(0), "b": axis(1), "c": axis(2), "d": axis(3, np.nan)}, {"not_finite": ("d",)}, id="no number"
        ),
        pytest.param(
            {"a": axis(0), "b": axis(1), "c": axis(2), "d": axis(3, np.inf)}, {"not_finite": ("d",)}, id="infinite"
        ),
        pytest.param(
            {"a": axis(0), "b": axis(1), "c": axis(0, 0.0), "d": axis(1, 0.0)}, {"zero": ("c", "d")}, id="zeros"
        ),
    ],
)
def test_what_is_ill_is_named(four, vectors, expected):
    found = health(embeddings(vectors), four, LENIENT)

    assert ill(found) == expected
    assert not found.passed


def test_up_to_its_limit_a_share_is_well(four):
    three = embeddings({"a": axis(0), "b": axis(1), "c": axis(2)})

    assert health(three, four, EmbeddingSettings(maximum_missing_share=0.25)).passed
    assert not health(three, four, EmbeddingSettings(maximum_missing_share=0.24)).passed


def test_items_with_the_same_text_may_have_the_same_vector_and_are_counted(items):
    two = items.titled({"a": "T-shirt", "b": "T-shirt"})

    found = health(embeddings({"a": axis(0), "b": axis(0)}, text="T-shirt"), two, LENIENT)

    assert found.passed
    assert {fact.name: fact.observed for fact in found.facts}["same_text"] == 0.5


def test_vectors_of_two_encoders_cannot_be_compared(four):
    mixed = embeddings({id: axis(n) for n, id in enumerate("abcd")}, ["svd/1/x", "svd/1/x", "svd/1/x", "onnx/1/y"])

    assert ill(health(mixed, four, LENIENT)) == {"encoders": ("onnx/1/y", "svd/1/x")}


def test_a_blocked_pair_of_an_unknown_item_is_told_and_blocks_nothing(four):
    settings = EmbeddingSettings(blocked_pairs=(("a", "gone"), ("b", "c")))

    found = health(embeddings({id: axis(n) for n, id in enumerate("abcd")}), four, settings)

    assert (found.passed, found.unknown_blocked) == (True, ("gone",))
    assert "blocked_pairs names unknown items, such as 'gone'" in found.message


def test_a_vector_of_another_length_is_named(four):
    short = embeddings({"a": axis(0)}).with_columns(vector=pl.lit([1.0], pl.List(pl.Float32)))

    with pytest.raises(ValueError, match="'a' has 1 numbers, not 384"):
        health(short, four, LENIENT)


def test_an_empty_catalog_is_well(items):
    assert health(embeddings({}), items.titled({}), LENIENT).passed
