"""The POST endpoints answer the same whether Litestar's layers are around them or not."""

import asyncio
import json

import pytest
from litestar.testing import TestClient

from serving.call import Call
from serving.direct import Gone, body_of
from serving.errors import PayloadTooLarge

NOW = {"now": "2026-03-02T02:00:00Z"}
U1 = {"surface": "home", "user": {"user_id": "u1"}, "context": NOW}
JSON = {"content-type": "application/json"}
REQUESTS = {
    "a user": ("/v1/recommend", json.dumps(U1), JSON),
    "everything": (
        "/v1/recommend",
        json.dumps(U1 | {"k": 3, "options": {"include_reasons": True, "explain": "full", "include_trace": True}}),
        JSON,
    ),
    "nothing left": ("/v1/recommend", json.dumps(U1 | {"constraints": {"include_tags_all": ["x"]}}), JSON),
    "similar": ("/v1/similar", json.dumps({"surface": "home", "item_id": "a-03", "context": NOW}), JSON),
    "validate": ("/v1/recommend/validate", json.dumps(U1), JSON),
    "validate nothing": ("/v1/recommend/validate", "{}", JSON),
    "no body": ("/v1/recommend", "", JSON),
    "no body and no type": ("/v1/recommend", "", {}),
    "no JSON": ("/v1/recommend", "{", JSON),
    "no UTF-8": ("/v1/recommend", b"\xff", JSON),
    "no type": ("/v1/recommend", json.dumps(U1), {}),
    "another type": ("/v1/recommend", json.dumps(U1), {"content-type": "text/xml"}),
    "unknown field": ("/v1/recommend", json.dumps(U1 | {"x": 1}), JSON),
    "unknown strategy": ("/v1/recommend", json.dumps(U1 | {"strategy": "magic"}), JSON),
    "unknown surface": ("/v1/recommend", json.dumps(U1 | {"surface": "moon"}), JSON),
    "unknown tenant": ("/v1/recommend", json.dumps(U1), JSON | {"x-org-id": "acme"}),
    "impossible tenant": ("/v1/recommend", json.dumps(U1), JSON | {"x-org-id": "../.."}),
    "two faults": ("/v1/similar", json.dumps({"surface": " "}), JSON),
    "too large": ("/v1/recommend", " " * (256 * 1024 + 1), JSON),
    "events": ("/v1/events:batch", json.dumps({"events": [{"event_id": "e", "ts": NOW["now"], "type": "view"}]}), JSON),
    "no events": ("/v1/events:batch", json.dumps({"events": []}), JSON),
    "too many events": ("/v1/events:batch", json.dumps({"events": [{}] * 1_001}), JSON),
    "too large a batch": ("/v1/events:batch", " " * (5 * 1024 * 1024 + 1), JSON),
    "an event": ("/events", json.dumps({"userId": 1}), JSON),
    "an event of an unknown tenant": ("/events", "{}", JSON | {"x-org-id": "acme"}),
    "a trace": ("/v1/recommend", "{}", JSON | {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}),
}


@pytest.fixture(scope="module")
def both(shop):
    """A client of the usual way, and one of a server all of whose requests go through Litestar."""
    layered = shop.world.app()
    layered.direct = {}
    with TestClient(layered, raise_server_exceptions=False) as client:
        yield shop, client


def answered(client, path, content, headers):
    answer = client.post(path, content=content, headers=headers | {"x-request-id": "r1"})
    told = {name: value for name, value in answer.headers.items() if name != "server-timing"}
    return answer.status_code, told, answer.content


@pytest.mark.parametrize("name", REQUESTS)
def test_both_ways_give_the_same_answer(both, name):
    direct, layered = both

    assert answered(direct, *REQUESTS[name]) == answered(layered, *REQUESTS[name])


def test_both_ways_count_the_same(both):
    direct, layered = both
    name = "recsys_recommendation_requests_total"

    def counts(client):
        text = client.get("/metrics").text
        return {line.rpartition(" ")[0] for line in text.splitlines() if line.startswith(name)}

    for client in both:
        for request in REQUESTS.values():
            answered(client, *request)

    assert counts(direct) == counts(layered)


DIRECT = {"/v1/recommend", "/v1/similar", "/v1/recommend/validate", "/v1/events:batch", "/events"}


@pytest.mark.parametrize("path", sorted(DIRECT))
def test_every_direct_path_is_a_documented_route(shop, path):
    assert "post" in shop.get("/openapi.json").json()["paths"][path]
    assert set(shop.app.direct) == DIRECT


def read(messages, headers=()):
    """What is read of these messages of a client."""
    left = iter(messages)

    async def receive():
        return next(left)

    return asyncio.run(body_of(Call("r1", 0.0, headers), receive))


def part(body, more):
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_parts_is_put_together():
    assert read([part(b"a", True), part(b"", True), part(b"b", False)]) == b"ab"


def test_a_client_that_leaves_ends_the_request():
    with pytest.raises(Gone):
        read([part(b"a", True), {"type": "http.disconnect"}])


def test_a_body_that_announces_too_much_is_not_even_read():
    with pytest.raises(PayloadTooLarge):
        read([], headers=[(b"content-length", b"262145")])


def test_a_body_that_becomes_too_large_is_given_up():
    with pytest.raises(PayloadTooLarge):
        read([part(b"x" * 200_000, True), part(b"x" * 200_000, True)])
