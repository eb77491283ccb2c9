"""An exposure as a server writes it, a lake and a landing area."""

from datetime import UTC, datetime

import msgspec
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.records import EXPOSURE_SCHEMA, ExposedItem, Exposure, Subject
from recsys_pipelines.lake import Lake

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)


def exposure(request_id, *items, **changes):
    """One answer; an item is its id."""
    facts = {
        "schema": EXPOSURE_SCHEMA,
        "ts": NOON,
        "request_id": request_id,
        "tenant": "demo",
        "surface": "home",
        "endpoint": "recommend",
        "subject": Subject(user="p-ann", key_id="k"),
        "manifest_generation": 3,
        "algo_version": "1",
        "items": tuple(
            ExposedItem(item_id=item, rank=rank, score=1 / rank, source="als") for rank, item in enumerate(items, 1)
        ),
    }
    return Exposure(**(facts | changes))


class Logged:
    """A landing area to which servers bring their logs, and the lake."""

    noon = NOON
    exposure = staticmethod(exposure)

    def __init__(self, folder):
        self.landing = DirectoryBlobs(folder / "landing")
        self.lake = Lake(DirectoryBlobs(folder / "lake"))
        self.segments = 0

    def land(self, *answers, day="2026-02-10"):
        """One segment; an answer is an ``Exposure``, or bytes as they are."""
        self.segments += 1
        lines = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in answers]
        key = f"exposures/tenant=demo/date={day}/{self.segments:03}.jsonl"
        self.landing.create(key, b"".join(line + b"\n" for line in lines))
        return key


@pytest.fixture
def logged(tmp_path):
    return Logged(tmp_path)
