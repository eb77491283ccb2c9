import pytest


def similar(shop, **fields):
    answer = shop.post("/v1/similar", json={"surface": "home"} | fields)
    return answer.status_code, answer.json()


def ids(body):
    return [item["item_id"] for item in body["items"]]


def test_items_that_go_with_one(shop):
    status, body = similar(shop, item_id="a-03", k=1)

    assert (status, ids(body)) == (200, ["a-04"])
    assert body["meta"]["strategy"] == "auto"


def test_items_that_go_with_several(shop):
    _, body = similar(shop, item_ids=["a-06", "a-07"], k=2)

    assert ids(body)[0] == "a-08"
    assert not {"a-06", "a-07"} & set(ids(body))


def test_an_unknown_item_gets_the_list_for_everybody_and_a_warning(shop):
    status, body = similar(shop, item_id="unknown", k=2)

    assert (status, ids(body)) == (200, ["a-00", "a-01"])
    assert {"UNKNOWN_ITEM", "FALLBACK_USED"} <= {warning["code"] for warning in body["warnings"]}


def test_constraints_hold_for_similar_items_too(shop):
    _, body = similar(shop, item_id="a-03", k=24, constraints={"forbidden_tags": ["sale"]})

    assert body["items"]
    assert all(int(id[2:]) % 3 for id in ids(body))


def test_what_the_user_had_is_left_out(shop):
    asked = {"item_id": "a-23", "k": 2, "context": {"now": "2026-03-02T02:00:00Z"}}

    _, stranger = similar(shop, **asked)
    _, owner = similar(shop, **asked, user={"user_id": "u1"})

    assert ids(stranger)[0] == "a-00"
    assert "a-00" not in ids(owner)


@pytest.mark.parametrize("kind", ["auto", "cooc", "cooccurrence"])
def test_kinds(shop, kind):
    _, body = similar(shop, item_id="a-03", k=1, kind=kind)

    assert (ids(body), body["meta"]["strategy"]) == (["a-04"], kind)


def test_a_kind_that_nothing_serves_is_reported(shop):
    status, body = similar(shop, item_id="a-03", kind="content")

    assert status == 200
    assert "SIGNAL_UNAVAILABLE" in {warning["code"] for warning in body["warnings"]}


def test_a_kind_that_nobody_knows_is_refused(shop):
    status, body = similar(shop, item_id="a-03", kind="magic")

    assert (status, body["code"]) == (400, "RECSYS_UNKNOWN_TYPE")
    assert "cooccurrence" in body["detail"]
