"""What a release publishes of bad outcomes, and that returns are no interest in an item."""

import json
from datetime import UTC, date, datetime, timedelta

import msgspec
import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import parse
from data_contracts.errors import InvalidDocument
from data_contracts.feedback_tables import ATTRIBUTIONS
from data_contracts.tables import EVENTS, ITEMS
from recsys_algo.arrays import mapped
from recsys_algo.encode import encode_catalog
from recsys_pipelines.contract import schema
from recsys_pipelines.lake import Lake, MissingPartition
from recsys_pipelines.penalties import penalized, penalties, write_outcomes
from recsys_pipelines.replay import fixture
from recsys_pipelines.returns import interest
from recsys_pipelines.settlement import Day, Days
from recsys_pipelines.training import weigh

DAY = date(2026, 2, 10)
BOUGHT, TOLD = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 8, tzinfo=UTC)  # before and after the cut
RETURN = json.dumps({"kind": "return"})


def document(**changes):
    body = {
        "schema": "recsys.tenant/1",
        "tenant": "demo",
        "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events.csv"}]},
        "algorithms": {"popularity": {}},
        "ranking": {"weights": {"popularity": 1.0}},
        "surfaces": {"home": {"penalties": {"returns": 0.5}}, "cart": {}},
        "returns": {},
        "evaluation": {"test_days": 7},
    }
    return parse(msgspec.json.encode(body | changes), "tenant.json")


@pytest.fixture
def lake(tmp_path):
    """Ann buys a and b, a comes back within the test days; both are clicked on while b is sold out."""
    lake = Lake(DirectoryBlobs(tmp_path / "lake"))
    purchases = [{"event_id": f"p{id}", "ts": BOUGHT, "type": "purchase", "item_id": id} for id in "ab"]
    told = {"event_id": "x", "ts": TOLD, "type": "custom", "item_id": "a", "meta": RETURN}
    clicks = [
        {"event_id": f"c{id}", "ts": BOUGHT, "type": "click", "item_id": id, "request_id": "r", "surface": "home"}
        for id in "ab"
    ]
    for table, columns, rows in (("events", EVENTS, purchases), ("events", EVENTS, [told])):
        write(lake, table, columns, [row | {"user_id": "ann"} for row in rows])
    write(lake, "attributions", ATTRIBUTIONS, clicks)
    for day in (BOUGHT.date(), DAY):
        items = [{"item_id": id, "available": id != "b"} for id in "abc"]
        lake.write("items", "demo", day, frame(ITEMS, items))
    lake.write("users", "demo", DAY, pl.DataFrame({"user_id": ["ann"], "segment": [None]}))
    settled = {day: Day(files=("f",), rows=1, duplicates=0) for day in (BOUGHT.date(), TOLD.date())}
    lake.write_json("settled", "demo", None, Days(days=settled))
    return lake


def frame(table, rows):
    return pl.concat([pl.DataFrame(schema=schema(table)), pl.DataFrame(rows)], how="diagonal_relaxed")


def write(lake, name, table, rows):
    lake.write(name, "demo", rows[0]["ts"].date(), frame(table, rows))


def published(document, lake, folder, fit="served"):
    """The arrays of the artifact."""
    encode_catalog({"item_id": ["a", "b", "c"]}, folder)
    (encoded,) = penalties(document, lake, DAY, fit, folder=folder)
    arrays = mapped(encoded.name, [(path.name, path) for path in encoded.files])
    return {name: [round(float(rate), 6) for rate in array] for name, array in arrays.items()}


def test_the_served_fit_knows_what_the_evaluated_one_could_not(lake, tmp_path):
    write_outcomes(document(), lake, DAY)

    assert published(document(), lake, tmp_path, "evaluated") == {"returns": [0, 0, 0]}
    assert published(document(), lake, tmp_path, "served") == {"returns": [0.2, 0, 0]}


def test_every_kind_that_some_surface_asks_for_is_published_and_no_other(lake, tmp_path):
    surfaces = {"home": {}, "cart": {"penalties": {"returns": 0.0, "unavailable_clicks": 0.1}}}
    asked = document(surfaces=surfaces)
    write_outcomes(asked, lake, DAY)

    assert penalized(asked) == ("unavailable_clicks",)
    assert published(asked, lake, tmp_path) == {"unavailable_clicks": [0, 0.2, 0]}


def test_a_surface_overrides_what_the_tenant_says():
    ranking = {"weights": {"popularity": 1.0}, "penalties": {"returns": 0.5}}
    said = document(ranking=ranking, surfaces={"home": {}, "cart": {"penalties": None}})

    assert said.on("home").penalties.returns == 0.5
    assert said.on("cart").penalties is None


def test_a_tenant_without_penalties_pays_nothing(lake, tmp_path):
    plain = document(surfaces={"home": {}})

    assert write_outcomes(plain, lake, DAY) == {}
    assert lake.days("bad_outcomes_served", "demo") == []
    assert penalties(plain, lake, DAY, "served", folder=tmp_path) == []


def test_a_day_whose_outcomes_were_not_counted_is_no_day_without_bad_ones(lake, tmp_path):
    with pytest.raises(MissingPartition, match="bad_outcomes_served"):
        penalties(document(), lake, DAY, "served", folder=tmp_path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"returns": None}, "'home' penalizes returns, but nothing says what came back", id="no source"),
        pytest.param(
            {"surfaces": {"home": {"penalties": {"returns": 2}}}}, r"<= 1.0.*penalties\.returns", id="too much"
        ),
        pytest.param({"surfaces": {"home": {"penalties": {"refunds": 1}}}}, "unknown field `refunds`", id="unknown"),
        pytest.param({"returns": {"field": "a.b"}}, r"returns\.field", id="a path and no key"),
        pytest.param({"returns": {"values": []}}, r"returns\.values", id="no value"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, problem):
    with pytest.raises(InvalidDocument, match=problem):
        document(**changes)


def test_orders_tell_of_returns_too():
    sources = {"items": [{"path": "i"}], "events": [{"path": "e"}], "orders": [{"path": "o"}]}

    assert penalized(document(returns=None, sources=sources)) == ("returns",)


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_a_return_is_no_interest_in_the_item(lake, mode):
    training = {"training": {"mode": mode}, "interactions": {"half_life_days": None}}
    as_interest = document(**training, returns=None, surfaces={"home": {}})
    said = document(**training)

    before = dict(weigh(as_interest, lake, DAY, "served").select("item_id", "weight").rows())
    after = dict(weigh(said, lake, DAY, "served").select("item_id", "weight").rows())

    assert before == {"a": 1.1, "b": 1.0}
    assert after == {"a": 1.0, "b": 1.0}


def test_an_event_of_another_type_is_interest_whatever_its_meta_says():
    types = ["view", "click", "add", "purchase", "custom"]
    events = pl.DataFrame({"type": types, "meta": [RETURN] * len(types)})

    assert events.filter(*interest(document()))["type"].to_list() == types[:-1]
    assert events.filter(*interest(document(returns=None, surfaces={"home": {}})))["type"].to_list() == types


def test_nobody_is_asked_to_predict_a_return(lake):
    as_interest = document(returns=None, surfaces={"home": {}})

    assert fixture(as_interest, lake, DAY).truth.rows() == [("ann", "a")]
    assert fixture(document(), lake, DAY).truth.rows() == []


def test_both_fits_look_back_over_the_window_of_training(lake):
    short = document(interactions={"window_days": 8})  # from the 3rd on, after the purchase

    found = write_outcomes(short, lake, DAY)

    assert {fit: rows.height for fit, rows in found.items()} == {"evaluated": 0, "served": 0}
    assert DAY - timedelta(days=8) > BOUGHT.date()
