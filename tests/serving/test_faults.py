import msgspec
import pytest

from serving.faults import LONGEST_DETAIL, fault
from serving.requests import RecommendRequest


def fault_of(body):
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=RecommendRequest)
    return fault(caught.value)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        pytest.param('{"k": 3}', "/surface", "missing", id="a required field"),
        pytest.param('{"surface": "home", "top": 3}', "/top", "unknown_field", id="an unknown field"),
        pytest.param('{"surface": "home", "user": {"id": 1}}', "/user/id", "unknown_field", id="an inner one"),
        pytest.param('{"surface": "home", "a/b~c": 1}', "/a~1b~0c", "unknown_field", id="a name that needs escaping"),
        pytest.param('{"surface": 1}', "/surface", "type", id="another type"),
        pytest.param('{"surface": "home", "k": "20"}', "/k", "type", id="a number as text"),
        pytest.param('{"surface": "home", "k": 2.0}', "/k", "type", id="a fraction"),
        pytest.param('{"surface": "home", "k": 0}', "/k", "range", id="too small"),
        pytest.param('{"surface": "home", "weights": {"als": 1e999}}', "/weights", "range", id="infinite"),
        pytest.param('{"surface": "home", "options": {"explain": "x"}}', "/options/explain", "format", id="a word"),
        pytest.param(
            '{"surface": "home", "candidates": {"include_ids": ["a", 2]}}', "/candidates/include_ids/1", "type",
            id="a place in a list",
        ),
        pytest.param(
            '{"surface": "home", "constraints": {"max_per_tag": {"a": 0}}}', "/constraints/max_per_tag", "range",
            id="a value of a mapping",
        ),
        pytest.param(
            '{"surface": "home", "context": {"now": "yesterday"}}', "/context/now", "format", id="no time",
        ),
        pytest.param(
            '{"surface": "home", "context": {"now": "2026-01-01T00:00:00"}}', "/context/now", "type", id="no zone",
        ),
        pytest.param('{"surface": "home", "options": {"cursor": "x"}}', "/options/cursor", "not_available", id="later"),
        pytest.param('{"surface": "home", "experiment": {}}', "/experiment", "not_available", id="later, too"),
        pytest.param("[]", "", "type", id="no object"),
    ],
)  # fmt: skip
def test_a_fault_points_to_its_place(body, pointer, code):
    found = fault_of(body)

    assert (found.pointer, found.code) == (pointer, code)


def test_a_long_name_is_not_repeated_whole():
    found = fault_of('{"surface": "home", "%s": 1}' % ("x" * 10_000))

    assert len(found.detail) <= LONGEST_DETAIL + 3
    assert len(found.pointer) <= LONGEST_DETAIL + 3
