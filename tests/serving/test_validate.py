import pytest


def validated(client, body):
    return client.post("/v1/recommend/validate", json=body)


def test_the_normal_form_comes_back(shop):
    answer = validated(
        shop,
        {
            "surface": " home ",
            "k": 5,
            "segment": "vip",
            "strategy": "popular",
            "constraints": {"required_tags": ["Sale", " sale"]},
        },
    )

    assert answer.status_code == 200
    assert answer.json()["normalized_request"] == {
        "surface": "home",
        "k": 5,
        "segment": "vip",
        "strategy": "popular",
        "constraints": {"include_tags_any": ["sale"]},
    }
    assert answer.json()["warnings"] == []


def test_what_is_left_to_the_surface_is_named(shop):
    answer = validated(shop, {"surface": "home", "user": {"user_id": "u1"}}).json()

    assert [(warning["code"], warning["pointer"]) for warning in answer["warnings"]] == [
        ("DEFAULT_APPLIED", "/k"),
        ("DEFAULT_APPLIED", "/strategy"),
        ("DEFAULT_APPLIED", "/segment"),
    ]


def test_nothing_is_looked_up(shop):
    answer = validated(shop, {"surface": "no-such-surface", "user": {"user_id": "u1"}})

    assert answer.status_code == 200
    assert set(answer.json()["meta"]) == {"request_id"}
    assert "x-recsys-generation" not in answer.headers


def test_it_works_before_anything_is_published(world):
    with world.client() as client:
        assert validated(client, {"surface": "home", "user": {"user_id": "u1"}}).status_code == 200


def test_validating_what_was_validated_changes_nothing(shop):
    once = validated(shop, {"surface": "home", "user": {"user_id": " u1 "}, "anchors": {"item_ids": ["b", "b"]}}).json()

    assert validated(shop, once["normalized_request"]).json()["normalized_request"] == once["normalized_request"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"surface": "home", "user": {"user_id": "u1"}, "k": 201}, id="k above 200"),
        pytest.param({"surface": "home", "user": {"user_id": "u1"}, "k": 0}, id="k below 1"),
        pytest.param({"surface": "home", "strategy": "popular", "anchors": {"item_ids": ["a"] * 51}}, id="51 anchors"),
        pytest.param(
            {"surface": "home", "strategy": "popular", "candidates": {"exclude_ids": ["a"] * 5_001}},
            id="5001 excluded ids",
        ),
        pytest.param(
            {"surface": "home", "strategy": "popular", "candidates": {"include_ids": ["a"] * 5_001}},
            id="5001 included ids",
        ),
        pytest.param(
            {"surface": "home", "strategy": "popular", "constraints": {"required_tags": ["a"] * 201}}, id="201 tags"
        ),
        pytest.param({"surface": "home", "user": {"user_id": "x" * 257}}, id="an id of 257 characters"),
        pytest.param({"surface": "x" * 65, "user": {"user_id": "u1"}}, id="a surface of 65 characters"),
        pytest.param(
            {"surface": "home", "strategy": "popular", "options": {"include_item": ["title"] * 11}}, id="11 columns"
        ),
        pytest.param({"surface": "home", "strategy": "popular", "diversity": {"mmr_lambda": 1.5}}, id="lambda above 1"),
        pytest.param({"surface": "home", "strategy": "popular", "weights": {"als": -1}}, id="a negative weight"),
        pytest.param({"surface": "home", "strategy": "popular", "options": {"seed": -1}}, id="a negative seed"),
        pytest.param({"surface": "home", "user": {}}, id="nobody asks"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/recommend/validate", "/v1/recommend"])
def test_limits_are_the_same_for_both(shop, path, body):
    answer = shop.post(path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "RECSYS_INVALID_REQUEST")
    assert answer.json()["errors"][0]["pointer"]
