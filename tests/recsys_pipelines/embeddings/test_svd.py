from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys_pipelines.embeddings.svd import Svd
from recsys_pipelines.embeddings.texts import item_texts
from recsys_pipelines.synthetic import shop

TEXTS = ["red kettle", "blue kettle", "green tent", "small tent", "wooden puzzle", "red puzzle", "lantern for a tent"]


def opened(texts, settings=None):
    encoding = settings or Svd()
    return encoding.open(encoding.fit(texts), Path())


def test_vectors_are_384_float32_of_length_one():
    vectors = opened(TEXTS).encode(TEXTS)

    assert (vectors.shape, vectors.dtype) == ((7, 384), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(7), abs=1e-6)


def test_a_catalog_smaller_than_384_leaves_the_rest_zero():
    vectors = opened(TEXTS).encode(TEXTS)

    assert not vectors[:, 7:].any()


def test_texts_that_share_words_are_closer_than_those_that_do_not():
    kettle, other, tent = opened(TEXTS).encode(["red kettle", "blue kettle", "green tent"])

    assert kettle @ other > kettle @ tent + 0.1


def test_a_misspelt_word_is_still_close():
    right, wrong, other = opened(TEXTS).encode(["kettle", "kettel", "puzzle"])

    assert right @ wrong > right @ other + 0.3


def test_a_text_of_unknown_words_is_zero():
    assert not opened(TEXTS).encode(["zzqx"]).any()


@pytest.mark.parametrize("texts", [[], [""], ["", "!"]], ids=["no items", "no text", "no words"])
def test_without_words_there_is_nothing_to_learn_and_all_is_zero(texts):
    assert not opened(texts).encode(["kettle"]).any()


def test_the_order_of_the_texts_does_not_matter():
    assert_frame_equal(Svd().fit(TEXTS), Svd().fit(TEXTS[::-1]), check_exact=True)


def test_a_text_has_the_same_vector_alone_and_among_others():
    encoder = opened(TEXTS)

    assert np.array_equal(encoder.encode(TEXTS)[3:4], encoder.encode(TEXTS[3:4]))


def test_what_was_learned_can_be_stored_and_gives_the_same_vectors(tmp_path):
    learned = Svd().fit(TEXTS)
    learned.write_parquet(tmp_path / "learned.parquet")
    stored = pl.read_parquet(tmp_path / "learned.parquet")

    before, after = Svd().open(learned, Path()), Svd().open(stored, Path())

    assert before.id == after.id
    assert np.array_equal(before.encode(TEXTS), after.encode(TEXTS))


def test_other_texts_or_settings_are_another_encoder():
    ids = {opened(TEXTS).id, opened([*TEXTS, "kite"]).id, opened(TEXTS, Svd(terms=5)).id}

    assert len(ids) == 3


def test_of_many_texts_some_are_learned_from_always_the_same_ones():
    few = Svd(fit_items=3)

    assert_frame_equal(few.fit(TEXTS), few.fit(TEXTS[::-1]), check_exact=True)
    assert few.fit(TEXTS).height < Svd().fit(TEXTS).height


def test_items_of_the_same_planted_topic_are_close():
    catalog = shop(items=300, events=280).items
    vectors = opened(item_texts(catalog)["text"].to_list()).encode(item_texts(catalog)["text"].to_list())
    likeness = vectors @ vectors.T
    topic = catalog.sort("item_id")["category"].to_numpy()
    same = topic[:, None] == topic[None, :]

    assert likeness[same & ~np.eye(300, dtype=bool)].mean() > likeness[~same].mean() + 0.2
