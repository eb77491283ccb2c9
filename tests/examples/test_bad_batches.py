"""Every bad batch of examples/data/dirty, validated: it goes on or stops, as its README says."""

import runpy
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import parse
from recsys_pipelines.ingest import land
from recsys_pipelines.lake import Lake
from recsys_pipelines.sources.source import Place
from recsys_pipelines.validation import validate
from recsys_pipelines.verdict import BlockedBatch, Verdict, require_passed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:module .sre_.* is deprecated:DeprecationWarning"),  # Great Expectations
]

DIRTY = Path(__file__).parents[2] / "examples" / "data" / "dirty"
CASES = runpy.run_path(str(DIRTY / "generate.py"))["CASES"]
STOPPED = [case for case in CASES if case.stopped_by]
SAYS = {  # what a person must find in the message beside the check: file, number of rows, an example
    "half-invalid": ("60 of 120 rows", "hover"),
    "unknown-items": ("60 of 120 events", "gone-i03"),
    "views-gone": ("2026-01-08: view 0 events, usually 9 (3.0 deviations)", "at most 2.5 may be"),
    "empty-file": ("events.csv", "empty"),
    "header-only": ("events.csv", "at least 1"),
    "wrong-encoding": ("events.csv", "0xe9", "line 11"),
    "broken-line": ("events.csv", "line 2", "8 fields instead of 7"),
    "missing-column": ("events.csv", "item_id"),
    "renamed-column": ("events.csv", "item_id", "productId"),
}
DAY = date(2026, 1, 8)


def validated(name: str, lake: Lake, **checks) -> Verdict:
    path = DIRTY / name / "tenant.json"
    document = parse(path.read_bytes(), str(path))
    document = replace(document, checks=replace(document.checks, **checks))
    land(document, Place(document.tenant, path.parent, {}), lake, now=datetime(2026, 2, 1, tzinfo=UTC))
    return validate(document, lake, day=DAY)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(DirectoryBlobs(tmp_path))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_row_lets_the_batch_go_on_and_a_bad_batch_stops(case, lake):
    verdict = validated(case.name, lake)

    assert verdict.passed == (not case.stopped_by)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_the_same_whether_all_rows_or_a_sample_were_read(case, lake, tmp_path):
    everything = validated(case.name, lake)
    sampled = validated(case.name, Lake(DirectoryBlobs(tmp_path / "sampled")), sample_rows=20)

    assert [replace(check, detail="") for check in sampled.checks] == [
        replace(check, detail="") for check in everything.checks
    ]
    assert (sampled.passed, sampled.files) == (everything.passed, everything.files)


@pytest.mark.parametrize("case", STOPPED, ids=lambda case: case.name)
def test_the_message_names_file_rows_check_and_example(case, lake):
    validated(case.name, lake)
    check = case.stopped_by.partition(": ")[0]

    with pytest.raises(BlockedBatch) as stopped:
        require_passed(lake, case.name, DAY)

    assert [text for text in (f"[{check}]", *SAYS[case.name]) if text not in str(stopped.value)] == []
