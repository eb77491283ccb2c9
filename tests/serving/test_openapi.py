"""The document that clients are built from, compared whole; ``RECSYS_GOLDEN=write`` writes it anew."""

import json
import os
from pathlib import Path

import pytest
import yaml as reference

from serving.app import HANDLERS
from serving.openapi import document, yaml

GOLDEN = Path(__file__).with_name("golden") / "openapi.json"


@pytest.fixture(scope="module")
def described():
    return document(HANDLERS, "X-Org-Id")


def test_the_document_is_the_one_that_was_reviewed(described):
    text = json.dumps(described | {"info": {"title": described["info"]["title"]}}, indent=1, sort_keys=True) + "\n"
    if os.environ.get("RECSYS_GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)

    assert text == GOLDEN.read_text()


def test_the_server_serves_it(shop, described):
    assert shop.get("/openapi.json").json() == described
    assert reference.safe_load(shop.get("/openapi.yaml").text) == described


def test_bodies_say_that_unknown_fields_are_refused(described):
    schemas = described["components"]["schemas"]

    assert schemas["RecommendRequest"]["additionalProperties"] is False
    assert schemas["Constraints"]["additionalProperties"] is False


def test_every_reference_leads_somewhere(described):
    schemas = described["components"]["schemas"]
    text = json.dumps(described)
    used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert used <= schemas.keys()
    assert {"RecommendRequest", "Recommendations", "Problem"} <= used


def test_every_error_is_documented_as_a_problem(described):
    for path, operations in described["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                expected = {"application/json"} if status in {"200", "202"} or path in {"/readyz", "/health"} else None
                assert answer["content"].keys() == (expected or {"application/problem+json"})


def test_aliases_say_whose(described):
    aliases = {
        path: operation["x-alias-of"]
        for path, operations in described["paths"].items()
        for operation in operations.values()
        if "x-alias-of" in operation
    }

    assert aliases == {
        "/recs/{user_id}": "/v1/recommend",
        "/recommendations": "/v1/recommend",
        "/items/{item_id}/similar": "/v1/similar",
        "/v1/items/{item_id}/similar": "/v1/similar",
        "/events": "/v1/events:batch",
    }


def test_operations_have_names_of_their_own(described):
    names = [op["operationId"] for operations in described["paths"].values() for op in operations.values()]

    assert len(set(names)) == len(names)
    assert "post_v1_recommend" in names


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, {"b": None}, [], {}], "c: d": "e\n#f", "é": ["- x", True, 1.5]},
        [[1, 2], [[3]], {"on": "no"}],
        {"200": {"$ref": "#/x"}},
    ],
)
def test_the_yaml_is_what_a_yaml_reader_reads(value):
    assert reference.safe_load(yaml(value)) == value
