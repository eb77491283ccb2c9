"""Each alias answers what its primary endpoint answers."""

import pytest


def primary(shop, path, **fields):
    return shop.post(path, json={"surface": "home"} | fields).json()


def test_recs_is_recommend_with_ten_items(shop):
    answer = shop.get("/recs/u1")

    assert answer.status_code == 200
    assert len(answer.json()["items"]) == 10
    assert answer.json()["items"] == primary(shop, "/v1/recommend", k=10, user={"user_id": "u1"})["items"]
    assert set(answer.json()) == {"items", "meta", "warnings"}


def test_recs_takes_limit_type_and_surface(shop):
    body = shop.get("/recs/u1", params={"limit": 2, "type": "popular", "surface": "cart"}).json()

    assert (len(body["items"]), body["meta"]["strategy"], body["meta"]["surface"]) == (2, "popular", "cart")


def test_an_unknown_user_is_no_error(shop):
    answer = shop.get("/recs/nobody-knows", params={"limit": 1})

    assert (answer.status_code, answer.json()["items"][0]["item_id"]) == (200, "a-00")


def test_an_unknown_type_is(shop):
    answer = shop.get("/recs/u1", params={"type": "magic"})

    assert (answer.status_code, answer.json()["code"]) == (400, "RECSYS_UNKNOWN_TYPE")
    assert "personalized" in answer.json()["detail"]


def test_recommendations_answers_in_camel_case(shop):
    answer = shop.get("/recommendations", params={"userId": "u1", "topK": 2}, headers={"x-request-id": "r1"})

    expected = primary(shop, "/v1/recommend", k=2, user={"user_id": "u1"})["items"]
    assert answer.json() == {
        "userId": "u1",
        "items": [{"productId": item["item_id"], "score": item["score"]} for item in expected],
        "requestId": "r1",
    }


def test_recommendations_gives_ten_unless_told_otherwise(shop):
    assert len(shop.get("/recommendations", params={"userId": "u1"}).json()["items"]) == 10


@pytest.mark.parametrize("path", ["/v1/items/a-03/similar", "/items/a-03/similar"])
def test_similar_of_an_item(shop, path):
    body = shop.get(path, params={"k": 3}).json()

    assert body["items"] == primary(shop, "/v1/similar", k=3, item_id="a-03")["items"]


def test_similar_of_an_unknown_item_is_no_error(shop):
    answer = shop.get("/items/unknown/similar", params={"k": 1})

    assert answer.status_code == 200
    assert "UNKNOWN_ITEM" in [warning["code"] for warning in answer.json()["warnings"]]


def test_an_answer_to_a_get_may_be_shown_again_for_a_moment(shop):
    headers = shop.get("/recs/u1").headers

    assert headers["cache-control"] == "private, max-age=30"
    assert headers["x-recsys-generation"] == "1"


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/recs/u1?limit=0", "query/limit"),
        ("/recs/u1?limit=201", "query/limit"),
        ("/recs/u1?limit=x", "query/limit"),
        ("/recs/u1?k=5", "query/k"),
        ("/recommendations", "query/userId"),
        ("/recommendations?userId=", "query/userId"),
        ("/recommendations?userId=u1&topK=1.5", "query/topK"),
        ("/recommendations?userId=u1&top_k=5", "query/top_k"),
        ("/items/a/similar?k=-1", "query/k"),
        ("/v1/items/a/similar?limit=3", "query/limit"),
        ("/recs/" + "x" * 257, "path/user_id"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_and_named(shop, path, pointer):
    answer = shop.get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, "RECSYS_INVALID_REQUEST")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("path", ["/recs/a%20b", "/recs/%C3%A9", "/recs/a%2Bb", "/recs/a:b@c"])
def test_user_ids_may_hold_other_letters(shop, path):
    assert shop.get(path).status_code == 200


def test_a_user_id_of_control_characters_is_refused(shop):
    answer = shop.get("/recs/a%01b")

    assert (answer.status_code, answer.json()["code"]) == (400, "RECSYS_INVALID_REQUEST")
