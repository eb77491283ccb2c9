"""`POST /v1/recommend` over the small shop of conftest: 24 items by falling popularity, and a list of u1's own."""

import uuid

import pytest

NOW = "2026-03-02T02:00:00+00:00"


def ids(body):
    return [item["item_id"] for item in body["items"]]


def codes(body):
    return [warning["code"] for warning in body["warnings"]]


def test_a_known_user_gets_their_own_list_first(ask):
    status, body = ask(k=5)

    assert status == 200
    assert ids(body)[:3] == ["a-23", "a-22", "a-21"]
    assert [item["rank"] for item in body["items"]] == [1, 2, 3, 4, 5]
    assert body["meta"]["fallback_level"] == 0


def test_the_answer_has_the_shape_of_the_contract(ask):
    _, body = ask(k=2)

    assert set(body) == {"items", "meta", "warnings"}
    assert set(body["items"][0]) == {"item_id", "rank", "score", "source", "reasons"}
    assert set(body["meta"]) == {
        "tenant_id", "surface", "segment", "strategy", "algo_version", "manifest_generation", "generated_at",
        "config_version", "rules_version", "request_id", "fallback_level", "counts", "timings_ms", "seed",
    }  # fmt: skip
    assert set(body["meta"]["counts"]) == {"retrieved", "after_exclude", "after_filter", "after_rules", "returned"}
    assert body["meta"]["counts"]["returned"] == 2
    assert body["items"][0]["reasons"] == []


def test_the_meta_says_what_the_list_stands_on(ask):
    _, body = ask()
    meta = body["meta"]

    assert (meta["tenant_id"], meta["surface"], meta["segment"], meta["strategy"]) == (
        "demo", "home", "default", "personalized",
    )  # fmt: skip
    assert (meta["manifest_generation"], meta["algo_version"], meta["generated_at"]) == (
        1, "engine-1", "2026-03-02T02:00:00Z",
    )  # fmt: skip


def test_without_k_the_surface_decides(ask):
    assert len(ask()[1]["items"]) == 6
    assert len(ask(surface="cart")[1]["items"]) == 3


def test_what_the_user_bought_lately_is_left_out_unless_it_is_wanted(ask):
    _, without = ask(k=24)
    _, everything = ask(k=24, constraints={"exclude_seen": None})

    assert "a-00" not in ids(without)
    assert "a-00" in ids(everything)


def test_the_clock_of_the_request_counts(ask):
    _, later = ask(k=24, context={"now": "2026-05-01T00:00:00Z"})

    assert "a-00" in ids(later)
    assert later["meta"]["generated_at"] == "2026-05-01T00:00:00Z"


def test_an_unknown_user_gets_the_list_for_everybody(ask):
    status, body = ask(user={"user_id": "nobody-knows"}, k=3)

    assert (status, ids(body)) == (200, ["a-00", "a-01", "a-02"])
    assert body["meta"]["fallback_level"] == 3
    assert "FALLBACK_USED" in codes(body)


def test_a_visitor_is_known_by_what_they_look_at(ask):
    _, body = ask(user={"session_id": "s1"}, anchors={"item_ids": ["a-10"]}, k=2)

    assert ids(body)[0] == "a-11"
    assert "a-10" not in ids(body)
    assert body["meta"]["fallback_level"] == 1


def test_the_item_of_the_page_is_an_anchor(ask):
    _, body = ask(user={"session_id": "s1"}, context={"now": NOW, "page_item_id": "a-10"}, k=2)

    assert ids(body)[0] == "a-11"


def test_more_than_there_is_gives_a_short_list_and_says_so(ask):
    status, body = ask(k=200)

    assert status == 200
    assert len(body["items"]) < 24
    assert "SHORT_LIST" in codes(body)


def test_when_everything_is_filtered_out_the_list_is_empty_and_good(ask):
    status, body = ask(constraints={"include_tags_all": ["no-such-tag"]})

    assert (status, body["items"], body["meta"]["counts"]["returned"]) == (200, [], 0)
    assert body["meta"]["fallback_level"] == 7
    assert {"CONSTRAINTS_FILTERED", "SHORT_LIST"} <= set(codes(body))


@pytest.mark.parametrize(
    ("constraints", "fulfilled"),
    [
        pytest.param({"include_tags_any": ["SALE"]}, lambda number: number % 3 == 0, id="a tag"),
        pytest.param({"required_tags": ["sale"]}, lambda number: number % 3 == 0, id="a tag by its synonym"),
        pytest.param({"forbidden_tags": ["sale"]}, lambda number: number % 3 != 0, id="not a tag"),
        pytest.param({"price_between": [500, 900]}, lambda number: 4 <= number <= 8, id="a price in minor units"),
        pytest.param({"price_between": [None, 300]}, lambda number: number <= 2, id="a price at most"),
        pytest.param({"created_after": "2026-02-25T00:00:00Z"}, lambda number: number <= 5, id="new ones"),
    ],
)
def test_constraints_hold_for_every_item(ask, constraints, fulfilled):
    _, body = ask(k=24, constraints=constraints)

    assert body["items"]
    assert all(fulfilled(int(id[2:])) for id in ids(body))


def test_nothing_costs_anything_in_a_currency_that_no_item_has(ask):
    _, body = ask(constraints={"price_between": [0, 9_999], "currency": "USD"})

    assert body["items"] == []


def test_what_is_sold_out_is_shown_only_on_request(ask):
    assert "a-05" not in ids(ask(k=24)[1])
    assert "a-05" in ids(ask(k=24, constraints={"available_only": False})[1])


def test_caps_hold(ask):
    _, body = ask(k=6, constraints={"max_per_brand": 2})

    acme = [id for id in ids(body) if int(id[2:]) % 2 == 0]
    assert (len(acme), len(ids(body))) == (2, 4)


def test_of_variants_only_one_is_shown(ask):
    assert {"a-20", "a-21"} <= set(ids(ask(k=24, constraints={"dedupe_parent": False})[1]))
    assert "a-20" not in ids(ask(k=24)[1])


def test_excluded_ids_are_left_out_all_five_thousand_of_them(ask):
    excluded = [f"x-{number}" for number in range(4_998)] + ["a-23", "a-22"]

    _, body = ask(k=3, candidates={"exclude_ids": excluded})

    assert ids(body)[0] == "a-21"
    assert not {"a-22", "a-23"} & set(ids(body))


def test_the_answer_can_be_restricted_to_some_ids(ask):
    _, body = ask(candidates={"include_ids": ["a-07", "a-03", "unknown"]})

    assert set(ids(body)) == {"a-07", "a-03"}
    assert "UNKNOWN_ITEM" in codes(body)


def test_weights_of_the_request_replace_those_of_the_surface(ask):
    _, body = ask(weights={"pop": 1.0}, k=2)

    assert ids(body) == ["a-01", "a-02"]
    assert {item["source"] for item in body["items"]} == {"popularity"}


def test_a_signal_that_is_not_there_is_reported(ask):
    status, body = ask(weights={"pop": 1.0, "emb": 1.0})

    assert status == 200
    assert "SIGNAL_UNAVAILABLE" in codes(body)


@pytest.mark.parametrize(
    ("strategy", "first"), [("popular", "a-00"), ("latest", "a-00"), ("personalized", "a-23"), ("buy_again", "a-00")]
)
def test_strategies(ask, strategy, first):
    _, body = ask(strategy=strategy, constraints={"exclude_seen": None})

    assert body["items"][0]["item_id"] == first
    assert body["meta"]["strategy"] == strategy


def test_reasons_signals_item_columns_and_timings_come_on_request(ask):
    options = {"include_reasons": True, "explain": "full", "include_item": ["title", "price"], "timings": True}

    _, body = ask(k=1, options=options)
    item = body["items"][0]

    assert item["reasons"][0] == "personalization"
    assert sum(item["explain"]["signals"].values()) == pytest.approx(item["score"], abs=1e-5)
    assert sum(item["explain"]["contributions"].values()) == pytest.approx(1, abs=1e-5)
    assert (item["explain"]["rules"], item["explain"]["propensity"]) == ([], 1.0)
    assert item["item"] == {"title": "Item 23", "price_minor": 2400, "currency": "EUR"}
    assert body["meta"]["timings_ms"]["total"] >= body["meta"]["timings_ms"]["rank"] > 0


def test_a_summary_holds_signals_alone(ask):
    _, body = ask(k=1, options={"explain": "summary"})

    assert set(body["items"][0]["explain"]) == {"signals"}


def test_a_trace_names_sources_stages_and_what_they_dropped(ask):
    _, body = ask(k=2, options={"include_trace": True})
    stages = {stage["name"]: stage for stage in body["trace"]["stages"]}

    assert {source["name"] for source in body["trace"]["sources"]} >= {"als", "popularity"}
    assert stages["drop_unavailable"]["dropped_sample"] == ["a-05"]
    assert stages["cut"]["out"] == 2


def test_the_same_request_gets_the_same_bytes(shop):
    asked = {
        "surface": "home",
        "user": {"user_id": "u1"},
        "context": {"now": NOW},
        "options": {"seed": 7, "explain": "full"},
    }
    answers = [shop.post("/v1/recommend", json=asked, headers={"x-request-id": "r1"}).content for _ in range(3)]

    assert len(set(answers)) == 1


def test_headers_tell_id_generation_times_and_that_it_may_not_be_kept(shop):
    answer = shop.post(
        "/v1/recommend", json={"surface": "home", "user": {"user_id": "u1"}}, headers={"x-request-id": "r-7"}
    )

    assert answer.headers["x-request-id"] == "r-7" == answer.json()["meta"]["request_id"]
    assert answer.headers["x-recsys-generation"] == "1"
    assert answer.headers["cache-control"] == "no-store"
    assert "rank;dur=" in answer.headers["server-timing"]
    assert answer.headers["content-type"] == "application/json"


def test_a_request_without_an_id_gets_one(shop):
    answer = shop.post("/v1/recommend", json={"surface": "home", "user": {"user_id": "u1"}})

    assert uuid.UUID(answer.headers["x-request-id"]).version == 7


@pytest.mark.parametrize(("consent", "first"), [("full", "a-23"), ("limited", "a-00"), ("none", "a-00")])
def test_without_consent_the_user_is_not_known(ask, consent, first):
    _, body = ask(consent=consent, constraints={"exclude_seen": None})

    assert body["items"][0]["item_id"] == first
    assert ("CONSENT_LIMITED" in codes(body)) == (consent != "full")


def test_a_segment_without_lists_of_its_own_gets_those_for_everybody(ask):
    _, body = ask(segment="vip", user={"user_id": "nobody-knows"}, k=1)

    assert ids(body) == ["a-00"]
    assert body["meta"]["segment"] == "vip"
