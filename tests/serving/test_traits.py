"""Whose list somebody gets who has done nothing yet: the user's segment, or a trait that the request says."""

import pytest


@pytest.fixture(scope="module")
def shop(tmp_path_factory, world_in):
    """A server over a generation with lists for VIPs, gold customers and Germans; of user cold it knows the segment."""
    world = world_in(tmp_path_factory.mktemp("traits"))
    world.publish("a", segmented=True)
    with world.client() as client:
        client.world = world
        yield client


def gold(**others):
    return {"attributes": {"loyalty": "Gold", "shoe_size": "43"}} | others


@pytest.mark.parametrize(
    ("fields", "segment", "first"),
    [
        pytest.param({"user": {"user_id": "cold"}}, "vip", "a-08", id="a user without events is in a segment"),
        pytest.param({"user": {"user_id": "cold"}, "context": gold()}, "vip", "a-08", id="which comes before traits"),
        pytest.param({"context": gold()}, "loyalty=gold", "a-10", id="a stranger with a trait"),
        pytest.param({"context": gold(locale="de")}, "loyalty=gold", "a-10", id="with two, the first that has a list"),
        pytest.param({"context": {"locale": "DE"}}, "locale=de", "a-12", id="the next one"),
        pytest.param({"context": {"locale": "fr"}}, "default", "a-00", id="a value without a list"),
        pytest.param({"context": {"country": "de"}}, "default", "a-00", id="another trait"),
        pytest.param({}, "default", "a-00", id="nothing said"),
        pytest.param({"segment": "vip", "context": gold()}, "vip", "a-08", id="the caller knows better"),
        pytest.param({"consent": "limited", "context": gold()}, "loyalty=gold", "a-10", id="of the visit alone"),
        pytest.param({"consent": "none", "context": gold()}, "default", "a-00", id="of nobody"),
        pytest.param({"consent": "none", "user": {"user_id": "cold"}}, "default", "a-00", id="of nobody at all"),
    ],
)
def test_the_list_is_that_of_the_segment_that_the_answer_names(shop, fields, segment, first):
    answer = shop.post("/v1/recommend", json={"surface": "home", "user": {"user_id": "nobody"}} | fields).json()

    assert (answer["meta"]["segment"], answer["items"][0]["item_id"]) == (segment, first)
    assert shop.world.exposures()[-1].get("segment", "default") == segment


def test_a_list_that_fills_up_similar_items_is_that_of_the_segment(shop):
    body = {"surface": "home", "item_id": "a-23", "k": 4, "context": gold()}

    answer = shop.post("/v1/similar", json=body).json()

    assert answer["meta"]["segment"] == "loyalty=gold"
    assert "a-10" in [item["item_id"] for item in answer["items"]]


def test_what_no_list_depends_on_makes_no_other_answer(shop):
    """A remembered list is given to everybody with the same segment, whatever else their requests say."""
    answers = shop.app.state.recommender.answers
    body = {"surface": "home", "user": {"user_id": "nobody"}, "k": 9}
    shop.post("/v1/recommend", json=body | {"context": gold()})
    remembered = len(answers._lists)

    shop.post("/v1/recommend", json=body | {"context": {"attributes": {"loyalty": "gold", "hat": "5"}, "device": "tv"}})

    assert len(answers._lists) == remembered
