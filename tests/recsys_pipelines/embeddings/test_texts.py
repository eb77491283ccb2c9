import pytest

from recsys_pipelines.embeddings.texts import content_hashes, item_texts


def text_of(items, **columns):
    return item_texts(items.catalog(item_id=["a"], **columns))["text"][0]


def test_a_text_is_title_description_brand_and_category(items):
    text = text_of(items, title=["Kettle"], description=["Boils."], brand=["Forno"], category=["kitchen"], url=["no"])

    assert text == "Kettle\nBoils.\nForno\nkitchen"


def test_what_is_missing_leaves_no_gap(items):
    assert text_of(items, title=["Kettle"], category=["kitchen"]) == "Kettle\nkitchen"


def test_an_item_of_which_nothing_is_said_has_an_empty_text(items):
    assert text_of(items) == ""


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("  Red \t kettle ", id="white space"),
        pytest.param("Red\u00a0kettle", id="a hard space"),
        pytest.param("\uff32ed kettle", id="a wide letter"),
    ],
)
def test_what_a_reader_does_not_see_makes_no_other_text(items, other):
    assert text_of(items, title=[other]) == "Red kettle"


def test_texts_come_by_item(items):
    found = item_texts(items.titled({"b": "two", "a": "one"}))

    assert found.rows() == [("a", "one"), ("b", "two")]


def test_a_hash_changes_with_the_text_and_with_the_encoder(items):
    texts = item_texts(items.titled({"a": "one", "b": "two", "c": "one"}))["text"]

    svd, onnx = content_hashes(texts, "svd/1/x").to_list(), content_hashes(texts, "onnx/1/x").to_list()

    assert svd[0] == svd[2]
    assert len({*svd, *onnx}) == 4
