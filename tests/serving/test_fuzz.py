"""Requests made from the OpenAPI document, good and bad ones: no 500, and never an answer that is not documented."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

pytestmark = pytest.mark.slow
PATHS = json.loads((Path(__file__).with_name("golden") / "openapi.json").read_text())["paths"]
CASES = [
    (path, method, mode)
    for path, operations in PATHS.items()
    for method, operation in operations.items()
    for mode in ("POSITIVE", "NEGATIVE")
    if mode == "POSITIVE" or operation.get("parameters") or operation.get("requestBody")  # else nothing can be wrong
]


@pytest.fixture(scope="module")
def described(tmp_path_factory, world_in):
    """The document of a real server, as something that makes requests."""
    import schemathesis  # noqa: PLC0415 - takes seconds, and only these tests need it

    world = world_in(tmp_path_factory.mktemp("fuzz"))
    world.publish("a")
    with world.server(workers=1, access_log="errors") as server:
        yield schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")


def checks():
    from schemathesis.checks import not_a_server_error  # noqa: PLC0415
    from schemathesis.specs.openapi import checks as of_openapi  # noqa: PLC0415

    return [
        not_a_server_error,
        of_openapi.status_code_conformance,
        of_openapi.content_type_conformance,
        of_openapi.response_schema_conformance,
        of_openapi.negative_data_rejection,
        of_openapi.unsupported_method,
        of_openapi.allow_header_conformance,
    ]


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_the_server_does_what_its_document_says(described, path, method, mode):
    from schemathesis import GenerationMode  # noqa: PLC0415

    requests = described[path][method].as_strategy(generation_mode=GenerationMode[mode])

    @settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=requests)
    def answers_as_documented(case):
        case.call_and_validate(checks=checks())

    answers_as_documented()
