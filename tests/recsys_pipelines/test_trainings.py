"""A training is told to have begun and to have ended exactly once each, also if its process was killed."""

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from data_contracts.layout import outbox_prefix
from data_contracts.training_records import TrainingCompleted, TrainingStarted
from recsys_pipelines.lake import Lake
from recsys_pipelines.outbox.announcements import announcements
from recsys_pipelines.trainings import begin, complete, ending_of, newest, settle, write_metrics

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
STARTED = TrainingStarted(tenant="demo", run_id="r1", day=date(2026, 1, 31), algorithms=("als",), at=NOON)
COMPLETED = TrainingCompleted(
    tenant="demo", run_id="r1", day=STARTED.day, ending="released", started_at=NOON, at=NOON + timedelta(seconds=30)
)


@pytest.fixture
def lake(second_store):
    return Lake(second_store.open())


def told(blobs):
    return [(each.type, each.told.run_id) for each in announcements(blobs, "demo")]


def test_it_is_told_once_that_it_began_and_once_that_it_ended(lake, blobs):
    for _ in range(2):
        begin(lake, blobs, STARTED)
    for _ in range(2):
        complete(lake, blobs, COMPLETED)

    assert told(blobs) == [("ModelTrainingStarted", "r1"), ("ModelTrainingCompleted", "r1")]
    assert newest(lake, "demo").endings == {"released": 1}


def test_what_was_told_and_let_go_is_not_told_again(lake, blobs):
    begin(lake, blobs, STARTED)
    complete(lake, blobs, COMPLETED)
    for entry in list(blobs.entries(outbox_prefix("demo"))):
        blobs.delete(entry.key)

    settle(lake, blobs, "demo", NOON)
    complete(lake, blobs, COMPLETED)

    assert told(blobs) == []


def test_a_training_that_was_killed_is_ended_by_the_next_run(lake, blobs):
    begin(lake, blobs, STARTED)

    settle(lake, blobs, "demo", NOON + timedelta(hours=1))

    assert told(blobs) == [("ModelTrainingStarted", "r1"), ("ModelTrainingCompleted", "r1")]
    completed = announcements(blobs, "demo")[-1].told
    assert (completed.ending, completed.seconds) == ("abandoned", 3600)


def test_a_run_that_begins_over_an_open_one_ends_it_first(lake, blobs):
    begin(lake, blobs, STARTED)

    begin(lake, blobs, replace(STARTED, run_id="r2", at=NOON + timedelta(hours=1)))

    assert [run for _, run in told(blobs)] == ["r1", "r1", "r2"]


def test_an_ending_that_was_recorded_and_not_told_is_told_by_the_next_run(lake, blobs):
    begin(lake, blobs, STARTED)
    complete(lake, blobs, COMPLETED)
    lake.write_json("training", "demo", None, replace(newest(lake, "demo"), announced=False))  # killed in between
    for entry in list(blobs.entries(outbox_prefix("demo"))):
        blobs.delete(entry.key)

    settle(lake, blobs, "demo", NOON + timedelta(hours=1))

    assert told(blobs) == [("ModelTrainingStarted", "r1"), ("ModelTrainingCompleted", "r1")]
    assert announcements(blobs, "demo")[-1].told.ending == "released"


def test_ending_what_never_began_is_an_error(lake, blobs):
    with pytest.raises(LookupError, match="r1"):
        complete(lake, blobs, COMPLETED)


@pytest.mark.parametrize(
    ("generations", "error", "ending"),
    [({"home": 2}, "", "released"), ({}, "", "unchanged"), (None, "", "not_released"), ({"home": 2}, "x", "failed")],
)
def test_how_a_run_ended(generations, error, ending):
    assert ending_of(generations, error) == ending


def test_durations_and_endings_are_metrics(lake, blobs, tmp_path):
    begin(lake, blobs, STARTED)
    complete(lake, blobs, COMPLETED)
    begin(lake, blobs, replace(STARTED, run_id="r2", at=NOON + timedelta(days=1)))
    at = NOON + timedelta(days=1, seconds=5)
    ended = complete(lake, blobs, replace(COMPLETED, run_id="r2", ending="failed", started_at=at, at=at))

    text = write_metrics(ended, tmp_path).read_text()

    found = {
        (sample.name, sample.labels.get("ending")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["recsys_training_runs", "released"] == found["recsys_training_runs", "failed"] == 1
    assert found["recsys_training_last_good_timestamp_seconds", None] == COMPLETED.at.timestamp()
    assert found["recsys_training_started_timestamp_seconds", None] == (NOON + timedelta(days=1)).timestamp()
    assert found["recsys_training_seconds", None] == 0
