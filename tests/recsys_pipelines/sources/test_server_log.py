from datetime import UTC, datetime

import msgspec
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.records import Event, EventMeta
from data_contracts.source_specs import ServerLog, SourceSpec
from data_contracts.tables import EVENTS
from recsys_pipelines import mapping
from recsys_pipelines.contract import check
from recsys_pipelines.sources.opening import opened
from recsys_pipelines.sources.source import Place

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
SPEC = SourceSpec(server_log=ServerLog())
CLICK = Event(
    event_id="e1",
    ts=NOW,
    type=1,
    user_id="u1",
    item_id="i1",
    amount_minor=250,
    consent="limited",
    received_at=NOW,
    meta=EventMeta(surface="home", request_id="r1", rank=3, session_id="s1", widget="top"),
)


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.slow)])
def landing(request, tmp_path):
    """The landing area, also where it is a bucket."""
    if request.param == "directory":
        return DirectoryBlobs(tmp_path)
    from data_contracts.s3 import S3Blobs  # noqa: PLC0415

    return S3Blobs(request.getfixturevalue("s3_client"), request.getfixturevalue("bucket"), "landing")


def land(landing, *events, name="a", day="2026-02-01", tenant="demo"):
    body = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
    landing.create(f"events/tenant={tenant}/date={day}/{name}.jsonl", body)


def accepted(landing, tmp_path):
    """What the contract lets through, mapped without a word in the document."""
    source, found = opened(SPEC, Place("demo", tmp_path, {}, landing)), []
    for part in source.parts():
        with source.rows(part, mapping.needs(SPEC, EVENTS)) as rows:
            mapped = mapping.mapped(rows, EVENTS, SPEC, "EUR").collect()
        checked = check(mapped, EVENTS, part.name, NOW)
        assert checked.broken.is_empty()
        found += checked.accepted.to_dicts()
    return found


def test_an_event_needs_no_fields_in_the_document(landing, tmp_path):
    land(landing, CLICK)

    (event,) = accepted(landing, tmp_path)

    assert event | {"meta": None} == dict.fromkeys(EVENTS.names) | {
        "row": 1,
        "event_id": "e1",
        "ts": NOW,
        "type": "click",
        "user_id": "u1",
        "session_id": "s1",
        "item_id": "i1",
        "surface": "home",
        "request_id": "r1",
        "rank": 3,
        "amount_minor": 250,
        "received_at": NOW,
        "consent": "limited",
    }
    assert msgspec.json.decode(event["meta"])["widget"] == "top"


def test_what_the_event_says_itself_counts_more_than_its_meta(landing, tmp_path):
    land(landing, msgspec.structs.replace(CLICK, session_id="own"))

    assert accepted(landing, tmp_path)[0]["session_id"] == "own"


def test_events_without_meta_and_with_a_type_by_name_are_read_too(landing, tmp_path):
    land(landing, Event(event_id="e2", ts=NOW, type="view", anonymous_id="a1", item_id="i1"))

    (event,) = accepted(landing, tmp_path)

    assert (event["type"], event["anonymous_id"], event["request_id"]) == ("view", "a1", None)


def test_segments_count_by_day_and_name_and_other_tenants_have_theirs(landing, tmp_path):
    land(landing, CLICK, name="z", day="2026-01-31")
    land(landing, CLICK, name="b")
    land(landing, CLICK, name="a")
    land(landing, CLICK, tenant="demo2")

    parts = opened(SPEC, Place("demo", tmp_path, {}, landing)).parts()

    assert [part.name for part in parts] == [
        "server_log/date=2026-01-31/z.jsonl",
        "server_log/date=2026-02-01/a.jsonl",
        "server_log/date=2026-02-01/b.jsonl",
    ]
    assert len({part.fingerprint for part in parts}) == 3


def test_before_a_server_landed_anything_there_is_nothing_and_that_is_no_fault(landing, tmp_path):
    assert opened(SPEC, Place("demo", tmp_path, {}, landing)).parts() == []
