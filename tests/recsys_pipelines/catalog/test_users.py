import json
from datetime import date

import polars as pl
import pytest
from msgspec.structs import replace

from data_contracts.documents import parse
from data_contracts.errors import InvalidDocument
from data_contracts.policies import UserPolicy
from data_contracts.tables import USERS
from recsys_pipelines.catalog.users import UserReport, known_by, unlearned
from recsys_pipelines.contract import schema

DAY = date(2026, 1, 3)
NOBODY = pl.DataFrame(schema={"user_id": pl.String, "names": pl.List(pl.String)})


def users(**traits):
    rows = [{"user_id": name, "traits": text} for name, text in traits.items()]
    return pl.DataFrame(rows, schema=schema(USERS))


def likes(**names):
    return pl.DataFrame({"user_id": [*names], "names": [*names.values()]}, schema=NOBODY.schema)


def traits(found):
    return {name: text and json.loads(text) for name, text in found.users.select("user_id", "traits").iter_rows()}


def test_defaults_stand_where_the_source_says_nothing():
    policy = UserPolicy(trait_defaults={"loyalty": "none", "newsletter": False})

    found = known_by(users(ann='{"loyalty":"gold","newsletter":null}', bob=None), policy, NOBODY)

    assert traits(found) == {
        "ann": {"loyalty": "gold", "newsletter": False},
        "bob": {"loyalty": "none", "newsletter": False},
    }


def test_only_allowed_traits_are_kept_and_the_others_counted():
    found = known_by(users(ann='{"locale":"de","age":41}'), UserPolicy(allowed_traits=("locale",)), NOBODY)

    assert traits(found) == {"ann": {"locale": "de"}}
    assert found.repairs["traits_not_allowed"] == 1


def test_nested_traits_and_texts_that_are_none_are_left_out_and_counted():
    found = known_by(users(ann='{"a":{"b":1},"c":[1],"d":1}', bob="[1]", eve="gold"), UserPolicy(), NOBODY)

    assert traits(found) == {"ann": {"d": 1}, "bob": None, "eve": None}
    assert found.repairs == {"traits_nested": 2, "traits_not_allowed": 0, "traits_unreadable": 2}


def test_what_a_user_likes_is_a_trait_unless_they_said_so_themselves():
    policy = UserPolicy(trait_defaults={"preferred_categories": "all"})
    given = users(ann=None, bob='{"preferred_categories":"tea"}', eve=None)

    found = known_by(given, policy, likes(ann=["audio", "toys"], bob=["audio"]))

    preferred = {name: each["preferred_categories"] for name, each in traits(found).items()}
    assert preferred == {"ann": "audio|toys", "bob": "tea", "eve": "all"}


@pytest.mark.parametrize(
    ("text", "segment", "expected"),
    [
        pytest.param('{"loyalty":"gold"}', None, "gold", id="a text"),
        pytest.param('{"loyalty":true}', None, "true", id="a truth"),
        pytest.param('{"loyalty":3}', None, "3", id="a number"),
        pytest.param('{"loyalty":"gold"}', "vip", "vip", id="the segment that the source says"),
        pytest.param("{}", None, "basic", id="the default"),
    ],
)
def test_a_trait_can_be_the_segment(text, segment, expected):
    policy = UserPolicy(segment_by="loyalty", trait_defaults={"loyalty": "basic"})
    given = users(ann=text).with_columns(segment=pl.lit(segment, pl.String))

    assert known_by(given, policy, NOBODY).users["segment"].to_list() == [expected]


def test_what_is_learned_from_the_events_of_a_test_is_no_segment():
    asked = {
        "schema": "recsys.tenant/1",
        "tenant": "acme",
        "sources": {"items": [{"path": "i.csv"}], "events": [{"path": "e.csv"}]},
        "algorithms": {"popularity": {}},
        "ranking": {"weights": {"popularity": 1}},
        "surfaces": {"home": {}},
        "users": {"segment_by": "preferred_categories"},
    }

    with pytest.raises(InvalidDocument, match=r"it: users\.segment_by 'preferred_categories' is learned from events"):
        parse(json.dumps(asked).encode(), "it")
    asked["users"]["preferred_categories"] = 0  # then the source says them
    assert parse(json.dumps(asked).encode(), "it").users.segment_by == "preferred_categories"


def test_the_same_traits_are_the_same_text_and_knowing_users_twice_is_knowing_them_once():
    found = known_by(users(ann='{"b": 1, "a":"x"}', bob='{"a":"x","b":1}'), UserPolicy(), NOBODY)

    assert found.users["traits"].to_list() == ['{"a":"x","b":1}'] * 2
    assert known_by(found.users, UserPolicy(), NOBODY).users.equals(found.users)


@pytest.fixture
def visited(shop):
    """Ann looks at audio twice, bought tea before she logged in; Bob does nothing."""
    shop.sources(users=[{"path": "users.csv"}])
    shop.write("items/all.csv", "item_id,category", "amp,audio", "radio,audio", "oolong,tea", "ball,toys")
    shop.write("users.csv", "user_id,traits", "ann,", "bob,")
    shop.write(
        "events/all.csv",
        "event_id,ts,type,user_id,anonymous_id,item_id",
        "e1,2026-01-01T10:00:00Z,purchase,,d1,oolong",
        "e2,2026-01-02T10:00:00Z,view,ann,d1,amp",
        "e3,2026-01-02T11:00:00Z,view,ann,,radio",
        "e4,2026-01-02T12:00:00Z,view,ann,,ball",
        "e5,2026-01-04T12:00:00Z,purchase,ann,,ball",
    )
    return shop


def kept(shop, day):
    rows = shop.lake.read("users", "shop", day)
    return {name: text and json.loads(text) for name, text in rows.select("user_id", "traits").iter_rows()}


def test_preferred_categories_are_learned_from_events_until_the_day(visited):
    visited.run(5)
    visited.run(3)

    assert kept(visited, date(2026, 1, 5))["ann"] == {"preferred_categories": "toys|tea|audio"}
    assert kept(visited, DAY) == {"ann": {"preferred_categories": "tea|audio|toys"}, "bob": None}
    report = visited.lake.read_json("user_report", "shop", DAY, UserReport)
    assert (report.users, report.with_preferences) == (2, 1)


def test_a_tenant_may_want_fewer_of_them_or_none(visited):
    visited.document = replace(visited.document, users=UserPolicy(preferred_categories=1))
    visited.run(5)
    visited.run(3)
    one = kept(visited, DAY)
    visited.document = replace(visited.document, users=UserPolicy(preferred_categories=0))
    visited.run(3)

    assert (one["ann"], kept(visited, DAY)["ann"]) == ({"preferred_categories": "tea"}, None)


def test_what_was_learned_before_is_not_taken_for_what_was_said():
    before = known_by(users(ann='{"loyalty":"gold"}'), UserPolicy(), likes(ann=["audio"])).users

    assert traits(known_by(unlearned(before), UserPolicy(), likes(ann=["tea"]))) == {
        "ann": {"loyalty": "gold", "preferred_categories": "tea"}
    }
