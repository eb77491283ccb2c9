"""RS-057: what a source file says of price, availability and tags is what the ranker decides by."""

import json
from datetime import UTC, date, datetime

import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import parse
from recsys_algo.bundle import open_encoded
from recsys_algo.rank import recommend
from recsys_algo.situation import Constraints, Query
from recsys_pipelines.ingest import land, settle
from recsys_pipelines.lake import Lake
from recsys_pipelines.sources.source import Place
from recsys_pipelines.training import encoded, train, weigh

DAY = date(2026, 1, 31)
NOW = datetime(2026, 2, 1, tzinfo=UTC)
DOCUMENT = {
    "schema": "recsys.tenant/1",
    "tenant": "shop",
    "sources": {
        "items": [{"path": "items.csv", "fields": {"tags": {"column": "tags", "split": "|"}}}],
        "events": [{"path": "events.csv"}],
    },
    "algorithms": {"popularity": {}},
    "ranking": {"weights": {"popularity": 1.0}},
    "surfaces": {"home": {}},
}
ITEMS = """item_id,title,price_minor,currency,available,tags
cheap,Cheap,100,EUR,true,color:red|new
dear,Dear,9900,EUR,true,color:blue
gone,Gone,100,EUR,false,color:red
unpriced,Unpriced,,,true,
"""
EVENTS = "event_id,ts,type,user_id,item_id\n" + "".join(
    f"e{number},2026-01-30T12:00:0{number}Z,purchase,ann,{item}\n"
    for number, item in enumerate(("cheap", "dear", "gone", "unpriced"))
)


@pytest.fixture
def asked(tmp_path):
    """Items that are recommended from what stands in the files, as the pipeline made of them."""

    def asked(items=ITEMS, **constraints):
        (tmp_path / "items.csv").write_text(items)
        (tmp_path / "events.csv").write_text(EVENTS)
        document, lake = parse(json.dumps(DOCUMENT).encode(), "test"), Lake(DirectoryBlobs(tmp_path / "lake"))
        land(document, Place("shop", tmp_path, {}), lake, now=NOW)
        settle(document, lake, until=DAY)
        for fit in ("evaluated", "served"):
            weigh(document, lake, DAY, fit)
        train(document, lake, DAY, "popularity")
        arrays = encoded(document, lake, DAY, "served", folder=tmp_path / "arrays")
        bundle = open_encoded("shop", "home", arrays, document.on("home"), NOW)
        query = Query(k=10, now=NOW, user_id="new", constraints=Constraints(**constraints))
        return sorted(item.item_id for item in recommend(bundle, query).items)

    return asked


def test_what_is_not_available_is_not_recommended(asked):
    assert asked() == ["cheap", "dear", "unpriced"]


def test_what_becomes_available_is(asked):
    assert asked(ITEMS.replace("false", "true")) == ["cheap", "dear", "gone", "unpriced"]


def test_the_price_of_the_file_is_what_a_price_filter_sees(asked):
    assert asked(price_between=(None, 500)) == ["cheap"]
    assert asked(price_between=(500, None)) == ["dear"]


def test_a_new_price_in_the_file_is_a_new_price_for_the_filter(asked):
    assert asked(ITEMS.replace("9900", "400"), price_between=(None, 500)) == ["cheap", "dear"]


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        pytest.param({"include_tags_any": ("color:red",)}, ["cheap"], id="any"),
        pytest.param({"include_tags_all": ("color:red", "new")}, ["cheap"], id="all"),
        pytest.param({"exclude_tags_any": ("color:red", "color:blue")}, ["unpriced"], id="none"),
    ],
)
def test_the_tags_of_the_file_are_what_a_tag_filter_sees(asked, constraints, expected):
    assert asked(**constraints) == expected
