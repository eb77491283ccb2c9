"""Requests for training stand once each, come oldest first, and are gone when they are withdrawn."""

from datetime import UTC, datetime, timedelta

import pytest

from data_contracts.training_records import TrainingRequest
from recsys_pipelines.requests import ask, asked, withdraw

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def request_of():
    """Makes a request by its id and the minutes after noon at which it was left."""

    def made(request_id, minutes, by="ana"):
        at = NOON + timedelta(minutes=minutes)
        return TrainingRequest(tenant="demo", request_id=request_id, at=at, by=by)

    return made


def test_the_oldest_comes_first_and_those_of_one_moment_by_id(blobs, request_of):
    for name, minutes in (("a", 9), ("c", 1), ("b", 1)):
        ask(blobs, request_of(name, minutes))

    assert [each.request_id for each in asked(blobs, "demo")] == ["b", "c", "a"]
    assert asked(blobs, "other") == []


def test_the_first_of_an_id_stands(blobs, request_of):
    left = [ask(blobs, request_of("nightly", 0)), ask(blobs, request_of("nightly", 5, by="bob"))]

    assert left == [True, False]
    assert [each.by for each in asked(blobs, "demo")] == ["ana"]


def test_what_is_withdrawn_is_gone_and_may_be_gone_already(blobs, request_of):
    ask(blobs, request_of("nightly", 0))

    for _ in range(2):
        withdraw(blobs, "demo", "nightly")

    assert asked(blobs, "demo") == []
