import uuid

import pytest

from serving.identity import request_id, trace_id, uuid7

NOW_NS = 1_772_416_800_000_000_000


@pytest.mark.parametrize("given", ["a", "A-b_c.d:e", "x" * 128])
def test_a_well_formed_id_is_kept(given):
    assert request_id([(b"x-request-id", given.encode())]) == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\n", "é", '"'])
def test_another_id_is_made_for_what_cannot_stand_in_a_log(given):
    made = request_id([(b"x-request-id", given.encode())])

    assert uuid.UUID(made).version == 7


def test_new_ids_are_of_version_7_and_sort_by_time():
    ids = [uuid7(NOW_NS + step * 1_000_000) for step in range(50)]

    assert {(uuid.UUID(id).version, uuid.UUID(id).variant) for id in ids} == {(7, uuid.RFC_4122)}
    assert ids == sorted(ids)
    assert int(ids[0].replace("-", "")[:12], 16) == NOW_NS // 1_000_000


def test_ids_of_one_moment_differ():
    assert len({uuid7(NOW_NS) for _ in range(1_000)}) == 1_000


def test_the_trace_is_that_of_traceparent():
    header = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    assert trace_id([(b"traceparent", header)]) == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert trace_id([(b"traceparent", b"nonsense")]) is None
    assert trace_id([]) is None
