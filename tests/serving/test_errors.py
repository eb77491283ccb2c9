"""Every error is a problem document of RFC 9457, whoever notices it."""

import io
import json
from dataclasses import replace

import pytest
from litestar.testing import TestClient

from serving.errors import ALL, NotReady, problem, slug
from serving.logs import json_log

GOOD = {"surface": "home", "user": {"user_id": "u1"}}


def post(client, body=None, **options):
    return client.post("/v1/recommend", **({"json": GOOD if body is None else body} | options))


def assert_problem(answer, status, code):
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["request_id"] == answer.headers["x-request-id"]
    assert document["title"]
    assert document["detail"]
    assert answer.headers["cache-control"] == "no-store"
    return document


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        pytest.param("GET", "/nowhere", {}, 404, "RECSYS_NOT_FOUND", id="no such path"),
        pytest.param("GET", "/problems/unheard-of", {}, 404, "RECSYS_NOT_FOUND", id="no such problem"),
        pytest.param("GET", "/v1/recommend", {}, 405, "RECSYS_METHOD_NOT_ALLOWED", id="no such method"),
        pytest.param("DELETE", "/recs/u1", {}, 405, "RECSYS_METHOD_NOT_ALLOWED", id="no such method of an alias"),
        pytest.param("POST", "/v1/recommend", {"json": {"k": 1}}, 400, "RECSYS_INVALID_REQUEST", id="no surface"),
        pytest.param("POST", "/v1/recommend", {}, 400, "RECSYS_INVALID_REQUEST", id="no body"),
        pytest.param(
            "POST", "/v1/recommend", {"json": GOOD | {"surface": "moon"}}, 404, "RECSYS_SURFACE_NOT_FOUND", id="surface"
        ),
        pytest.param(
            "POST", "/v1/recommend", {"json": GOOD, "headers": {"x-org-id": "acme"}}, 404, "RECSYS_TENANT_NOT_FOUND",
            id="no such tenant",
        ),
        pytest.param(
            "POST", "/v1/recommend", {"json": GOOD, "headers": {"x-org-id": "../etc"}}, 400, "RECSYS_INVALID_TENANT",
            id="a name that no tenant has",
        ),
        pytest.param(
            "GET", "/recs/u1", {"headers": {"x-org-id": "acme"}}, 404, "RECSYS_TENANT_NOT_FOUND", id="alias, tenant"
        ),
        pytest.param(
            "POST", "/v1/recommend", {"json": GOOD | {"strategy": "magic"}}, 400, "RECSYS_UNKNOWN_TYPE", id="strategy"
        ),
        pytest.param(
            "POST", "/v1/recommend", {"json": GOOD | {"candidates": {"exclude_ids": ["x" * 250] * 2_000}}}, 413,
            "RECSYS_PAYLOAD_TOO_LARGE", id="too large",
        ),
        pytest.param(
            "POST", "/v1/recommend", {"content": b"a=1", "headers": {"content-type": "text/plain"}}, 415,
            "RECSYS_UNSUPPORTED_MEDIA_TYPE", id="no JSON by its own words",
        ),
        pytest.param("POST", "/v1/recommend", {"content": b"{}"}, 415, "RECSYS_UNSUPPORTED_MEDIA_TYPE", id="no type"),
    ],
)  # fmt: skip
def test_errors_of_every_kind(shop, method, path, options, status, code):
    assert_problem(shop.request(method, path, **options), status, code)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{", id="cut short"),
        pytest.param(b'{"surface": "home"} x', id="something behind it"),
        pytest.param(b'{"surface": "home"}{}', id="a second document"),
        pytest.param(b'{"surface": "home", "weights": {"als": NaN}}', id="not a number"),
        pytest.param(b'{"surface": "home", "weights": {"als": Infinity}}', id="infinity"),
        pytest.param(b'{"surface": "\xff"}', id="no UTF-8"),
        pytest.param(b'{"surface": "\\ud800"}', id="half a character"),
        pytest.param(b"[" * 100_000, id="a hole without a bottom"),
    ],
)
def test_what_is_no_json(shop, content):
    answer = shop.post("/v1/recommend", content=content, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["code"] in {"RECSYS_INVALID_JSON", "RECSYS_INVALID_REQUEST"}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("media_type", ["application/json", "application/JSON; charset=utf-8", "application/ld+json"])
def test_json_under_any_of_its_names(shop, media_type):
    answer = shop.post("/v1/recommend", content=json.dumps(GOOD), headers={"content-type": media_type})

    assert answer.status_code == 200


def test_a_wrong_method_is_told_the_right_ones(shop):
    answer = shop.put("/v1/recommend")

    assert answer.headers["allow"] == "OPTIONS, POST"


def test_a_body_of_the_largest_size_is_read(shop):
    filler = " " * (256 * 1024 - len(json.dumps(GOOD)))

    answer = shop.post("/v1/recommend", content=json.dumps(GOOD) + filler, headers={"content-type": "application/json"})
    more = shop.post(
        "/v1/recommend", content=json.dumps(GOOD) + filler + " ", headers={"content-type": "application/json"}
    )

    assert (answer.status_code, more.status_code) == (200, 413)


def test_a_body_that_does_not_tell_its_size_is_limited_too(shop):
    parts = (b" " * 64 * 1024 for _ in range(5))

    answer = shop.post("/v1/recommend", content=parts, headers={"content-type": "application/json"})

    assert_problem(answer, 413, "RECSYS_PAYLOAD_TOO_LARGE")


def test_every_fault_is_named_with_its_place(shop):
    body = GOOD | {"candidates": {"include_ids": ["a", " "]}, "constraints": {"price_between": [2, 1]}}

    document = assert_problem(post(shop, body), 400, "RECSYS_INVALID_REQUEST")

    assert [error["pointer"] for error in document["errors"]] == [
        "/candidates/include_ids/1",
        "/constraints/price_between",
    ]


@pytest.fixture(scope="module")
def two(tmp_path_factory, world_in):
    """An installation with the tenants `one` and `two`."""
    world = world_in(tmp_path_factory.mktemp("two"))
    world.publish("a", tenant="one")
    world.publish("b", tenant="two")
    return world


def test_several_tenants_and_none_named(two):
    with two.client() as client:
        unnamed = post(client)
        named = post(client, headers={"x-org-id": "two"})

    assert_problem(unnamed, 400, "RECSYS_INVALID_TENANT")
    assert named.json()["meta"]["tenant_id"] == "two"


def test_the_deployment_may_name_a_tenant(two):
    with two.client(default_tenant="two") as client:
        assert post(client).json()["meta"]["tenant_id"] == "two"
        assert post(client, headers={"x-org-id": "one"}).json()["meta"]["tenant_id"] == "one"


def test_the_header_may_have_another_name(two):
    with two.client(tenant_header="X-Shop") as client:
        assert post(client, headers={"X-Shop": "two"}).json()["meta"]["tenant_id"] == "two"


def test_before_anything_is_published_the_answer_is_not_ready(world):
    with world.client() as client:
        document = assert_problem(post(client), 503, "RECSYS_NOT_READY")
        again = post(client)

    assert document["retry_after_s"] == 5
    assert again.headers["retry-after"] == "5"


def test_the_trace_of_the_caller_is_repeated(shop):
    header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    document = post(shop, {}, headers={"traceparent": header}).json()

    assert document["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_mistake_of_ours_tells_nothing_of_itself_but_to_the_log(world):
    world.publish("a")
    out = io.BytesIO()
    app = world.app()
    app.direct["/v1/recommend"] = replace(app.direct["/v1/recommend"], answered=broken, log=json_log(out))

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = post(client)

    document = assert_problem(answer, 500, "RECSYS_INTERNAL")
    assert "secret of the house" not in answer.text
    line = json.loads(out.getvalue().splitlines()[-1])
    assert line["event"] == "unhandled"
    assert line["request_id"] == document["request_id"]
    assert "secret of the house" in line["exception"]


def broken(recommender, call, asked):
    raise RuntimeError("secret of the house")


def test_every_problem_is_explained_where_its_type_points(shop):
    for error in ALL:
        answer = shop.get(f"/problems/{slug(error)}")

        assert (answer.status_code, error.code in answer.text) == (200, True)


def test_types_titles_and_codes_are_told_apart():
    assert len({error.code for error in ALL}) == len(ALL)
    assert len({slug(error) for error in ALL}) == len(ALL)
    assert len({error.__doc__ for error in ALL}) == len(ALL)


def test_a_problem_holds_what_its_error_says():
    found = problem(NotReady("wait"), request_id="r1", path="/recs/u1")

    assert (found.type, found.title, found.detail, found.instance, found.retry_after_s) == (
        "/problems/not-ready", "Nothing is loaded that could answer yet", "wait", "/recs/u1", 5,
    )  # fmt: skip
