from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.directory import DirectoryBlobs
from data_contracts.errors import InvalidDocument
from data_contracts.feature_tables import EMBEDDINGS
from recsys_pipelines.contract import schema
from recsys_pipelines.embeddings.errors import UnhealthyIndex
from recsys_pipelines.embeddings.index import IndexRecord, read_index
from recsys_pipelines.lake import Lake

WORDS = ("kettle", "tent", "puzzle", "lantern", "spade", "robot", "lamp", "knife", "hose", "kite")
SHOP = {f"i{n}": f"{WORDS[n % 10]} {WORDS[n // 2 % 7]}" for n in range(20)}


def record(index):
    return index.lake.read_json("embedding_index", "shop", None, IndexRecord)


def vector(refreshed, item):
    return refreshed.embeddings.row(by_predicate=pl.col("item_id") == item, named=True)["vector"]


def test_the_first_time_every_item_gets_a_vector(index):
    done = index.refresh(SHOP)

    assert (done.encoded, done.removed, done.fitted) == (20, 0, True)
    assert done.embeddings.schema == schema(EMBEDDINGS)
    assert done.embeddings["item_id"].to_list() == sorted(SHOP)
    assert done.embeddings["vector"].list.len().unique().to_list() == [384]
    assert_frame_equal(index.lake.read("embeddings", "shop", None), done.embeddings)


def test_an_unchanged_catalog_writes_no_byte(index):
    index.refresh(SHOP)
    before = index.files()

    done = index.refresh(SHOP)

    assert (done.encoded, done.fitted) == (0, False)
    assert index.files() == before


def test_on_the_next_day_only_the_record_says_so(index, items):
    index.refresh(SHOP)
    before = index.files()

    index.refresh(SHOP, items.DAY + timedelta(days=1))

    changed = {path.rsplit("/", 1)[-1] for path, body in index.files().items() if before.get(path) != body}
    assert changed == {"embedding_index.json"}


def test_only_what_changed_is_encoded_with_what_was_learned_before(index):
    first = index.refresh(SHOP)

    done = index.refresh({**SHOP, "i3": "a lamp", "new": "red kite"})

    assert (done.encoded, done.fitted) == (2, False)
    assert done.record.encoder == first.record.encoder
    assert vector(done, "i4") == vector(first, "i4")
    assert vector(done, "i3") != vector(first, "i3")
    assert vector(done, "new")


def test_columns_that_are_no_text_are_not_looked_at(index, items):
    index.refresh(SHOP)
    cheaper = items.titled(SHOP).with_columns(price_minor=pl.lit(5, pl.Int64))
    index.lake.write("items", "shop", items.DAY, cheaper)

    assert index.refresh(SHOP).encoded == 0


def test_an_item_that_left_loses_its_vector(index):
    index.refresh(SHOP)

    done = index.refresh({item: text for item, text in SHOP.items() if item != "i7"})

    assert (done.encoded, done.removed) == (0, 1)
    assert "i7" not in done.embeddings["item_id"]


def test_above_the_rebuild_share_the_encoder_is_fitted_again(index):
    first = index.refresh(SHOP)

    done = index.refresh({**SHOP, **{f"i{n}": f"a new thing {n}" for n in range(5)}})

    assert (done.encoded, done.fitted) == (20, True)
    assert done.record.encoder != first.record.encoder
    assert done.embeddings["encoder"].unique().to_list() == [done.record.encoder]


def test_small_changes_add_up_until_it_is_fitted_again(index):
    shop = dict(SHOP)
    index.refresh(shop)
    fitted = []
    for number in range(5):
        shop[f"i{number}"] = f"another thing {number}"
        fitted.append(index.refresh(shop).fitted)

    assert fitted == [False, False, False, False, True]
    assert record(index).changed == 0


def test_other_settings_are_another_encoder(index):
    first = index.refresh(SHOP)
    index.settings = {"settings": {"terms": 5}}

    done = index.refresh(SHOP)

    assert (done.encoded, done.fitted) == (20, True)
    assert done.record.encoder != first.record.encoder


def test_lost_state_is_learned_again(index):
    first = index.refresh(SHOP)
    (index.folder / "lake/encoder_state/tenant=shop/svd.parquet").unlink()

    done = index.refresh({**SHOP, "new": "red kite"})

    assert done.fitted
    assert done.embeddings.height == first.embeddings.height + 1


def test_a_day_of_the_past_leaves_the_newer_index_alone(index, items):
    index.refresh(SHOP)
    before = index.files()

    done = index.refresh({"old": "an old thing"}, items.DAY - timedelta(days=3))

    assert (done.encoded, done.record.day) == (0, items.DAY)
    assert index.files() == before


def test_two_lakes_with_the_same_catalog_have_the_same_bytes(index, tmp_path):
    other = type(index)(tmp_path / "other")

    first, second = index.refresh(SHOP), other.refresh(dict(reversed(SHOP.items())))

    assert_frame_equal(first.embeddings, second.embeddings, check_exact=True)
    assert [*index.files().values()][:3] == [*other.files().values()][:3]


def test_an_item_without_text_has_a_vector_of_zeros_and_too_many_of_them_block(index):
    done = index.refresh({**SHOP, "blank": None})

    assert not np.any(vector(done, "blank"))
    assert not done.record.health.passed
    with pytest.raises(UnhealthyIndex, match="'blank'"):
        read_index(index.lake, "shop")


def test_a_healthy_index_is_read(index):
    done = index.refresh(SHOP)

    assert_frame_equal(read_index(index.lake, "shop"), done.embeddings)


def test_an_index_that_nobody_checked_is_refused(index):
    with pytest.raises(UnhealthyIndex, match="nobody has checked"):
        read_index(index.lake, "shop")


class Full(DirectoryBlobs):
    """A disk without room for vectors."""

    def replace(self, key, body, tag):
        if key.startswith("embeddings/"):
            raise OSError(f"no space left for {key}")
        return super().replace(key, body, tag)


def test_an_index_whose_writing_failed_is_refused_and_then_mended(index):
    """The record is marked before the first vector is replaced."""
    index.refresh(SHOP)
    lake, index.lake = index.lake, Lake(Full(index.folder / "lake"))
    with pytest.raises(OSError, match="no space left"):
        index.refresh({**SHOP, "new": "red kite"})

    with pytest.raises(UnhealthyIndex, match="nobody has checked"):
        read_index(lake, "shop")
    index.lake = lake
    assert index.refresh({**SHOP, "new": "red kite"}).encoded == 1
    assert read_index(lake, "shop").height == 21


def test_an_empty_catalog_gives_an_empty_index(index):
    done = index.refresh({})

    assert done.embeddings.is_empty()
    assert done.record.health.passed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"encoder": "word2vec"}, "no encoder 'word2vec'; there are onnx, svd", id="unknown"),
        pytest.param({"settings": {"factors": 3}}, "takes terms, fit_items, seed", id="a setting it does not have"),
        pytest.param({"encoder": "onnx"}, "folder", id="a setting that it needs"),
    ],
)
def test_a_mistake_in_the_document_says_what_is_valid(index, settings, message):
    index.settings = settings

    with pytest.raises(InvalidDocument, match=message):
        index.refresh(SHOP)
