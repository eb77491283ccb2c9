import polars as pl
import pytest

from recsys_pipelines.catalog.tags import tidied

FACETS = {"colour": "color", "Farbe": "COLOR"}


def tags(*words):
    return pl.Series([list(words)], dtype=pl.List(pl.String))


def tidy(*words):
    return tidied(tags(*words), FACETS)[0].to_list()[0]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param("  New ", "new", id="white space and capitals"),
        pytest.param("Color : Black", "color:black", id="white space beside the colon"),
        pytest.param("brand:Acme \t Corp", "brand:acme corp", id="white space inside"),
        pytest.param("Colour:Black", "color:black", id="another spelling of a facet"),
        pytest.param("FARBE:Schwarz", "color:schwarz", id="a synonym in any case"),
        pytest.param("colour", "colour", id="a word that is like a facet"),
        pytest.param("link:a:b", "link:a:b", id="a colon in a value"),
        pytest.param("größe:xl", "größe:xl", id="other letters than English ones"),
        pytest.param("x" * 128, "x" * 128, id="as long as may be"),
    ],
)
def test_a_tag_has_one_spelling(said, expected):
    assert tidy(said) == [expected]


@pytest.mark.parametrize("said", ["", "  ", ":", "brand:", "brand: ", ":black", " : black", "x" * 129, "\x07"])
def test_what_is_no_tag_is_dropped_and_counted(said):
    assert tidy(said, "new") == ["new"]
    assert tidied(tags(said, "new"), FACETS)[1] == 1


def test_each_tag_is_there_once_and_in_order():
    assert tidy("new", "Colour:red", "color:RED", "NEW", "a") == ["a", "color:red", "new"]


def test_no_tags_are_an_empty_list():
    assert tidied(tags(), {})[0].to_list() == [[]]
    assert tidied(pl.Series([None], dtype=pl.List(pl.String)), {})[0].to_list() == [[]]
