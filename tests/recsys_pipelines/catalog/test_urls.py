import polars as pl
import pytest

from recsys_pipelines.catalog.urls import page, picture

BASE = "https://shop.example/de/"


def of_page(said, base_url=BASE, https_only=False):
    return page(pl.Series([said], dtype=pl.String), base_url=base_url, https_only=https_only).item()


def of_picture(said, base_url=BASE, https_only=False):
    return picture(pl.Series([said], dtype=pl.String), base_url=base_url, https_only=https_only).item()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param("https://shop.example/p/1", "https://shop.example/p/1", id="a good one"),
        pytest.param(" https://shop.example/p 1\n", "https://shop.example/p%201", id="white space"),
        pytest.param("HTTPS://Shop.Example/P/1", "https://shop.example/P/1", id="capitals, but not those of the path"),
        pytest.param("https://shop.example//p///1", "https://shop.example/p/1", id="doubled slashes"),
        pytest.param(
            "https://c.example/f/https://o.example/a", "https://c.example/f/https://o.example/a", id="one in it"
        ),
        pytest.param("https://shop.example/p/1#reviews", "https://shop.example/p/1", id="a fragment"),
        pytest.param("https://shop.example", "https://shop.example/", id="without a path"),
        pytest.param("https://shop.example:443/p", "https://shop.example/p", id="the usual port"),
        pytest.param("http://shop.example:8080/p", "http://shop.example:8080/p", id="another port"),
        pytest.param("/p/1", "https://shop.example/p/1", id="relative to the host"),
        pytest.param("p/1?id=2", "https://shop.example/de/p/1?id=2", id="relative to the folder"),
        pytest.param("../p/1", "https://shop.example/p/1", id="relative to the folder above"),
        pytest.param("//cdn.example/a.jpg", "https://cdn.example/a.jpg", id="without a scheme"),
        pytest.param("www.shop.example/p", "https://www.shop.example/p", id="as people write it"),
        pytest.param("https://bücher.example/p", "https://bücher.example/p", id="a host of other letters"),
    ],
)
def test_an_address_has_one_spelling(said, expected):
    assert of_page(said) == expected
    assert of_page(of_page(said)) == expected


@pytest.mark.parametrize(
    "said",
    [
        *("", "  ", "javascript:alert(1)", "data:image/png;base64,AAAA", "ftp://shop.example/a", "mailto:a@b.example"),
        *(
            "https://",
            "https:///p/1",
            "https://ann:secret@shop.example/",
            "https://a b/",
            "https://-x-/",
            "https://x:y/",
        ),
    ],
)
def test_what_is_no_address_of_the_web_is_nothing(said):
    assert of_page(said) is None
    assert of_picture(said) is None


def test_a_relative_address_without_a_base_is_nothing():
    assert of_page("/p/1", base_url=None) is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("utm_source=mail&utm_campaign=may", ""),
        ("id=1&utm_source=mail&color=red&gclid=x&fbclid=y", "?id=1&color=red"),
        ("gclidish=1&reference=2", "?gclidish=1&reference=2"),
        ("", ""),
    ],
)
def test_a_page_has_no_parameters_that_only_track(query, expected):
    assert of_page(f"https://shop.example/p?{query}#top") == f"https://shop.example/p{expected}"


def test_a_picture_keeps_its_parameters():
    assert of_picture("https://cdn.example/a.jpg?w=80&utm_x=1#a") == "https://cdn.example/a.jpg?w=80&utm_x=1"


def test_http_becomes_https_where_the_tenant_says_so():
    assert of_page("http://shop.example:80/p", https_only=True) == "https://shop.example/p"
    assert of_page("http://shop.example/p") == "http://shop.example/p"


def test_one_bad_address_does_not_spoil_the_others():
    said = pl.Series(["//[bad", "/p/1", None, "https://shop.example/p/2"])

    found = page(said, base_url=BASE, https_only=False).to_list()

    assert found == [None, "https://shop.example/p/1", None, "https://shop.example/p/2"]
