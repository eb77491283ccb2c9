import json
from datetime import UTC, date, datetime

import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import parse
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import Identity, LandedFile
from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.files import file_checks

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SOURCES = [{"path": "events"}, {"kafka": {"brokers": "localhost:9", "topic": "t"}}]


@pytest.fixture
def case(tmp_path):
    plain = {
        "schema": "recsys.tenant/1",
        "tenant": "shop",
        "sources": {"items": [{"path": "items.csv"}], "events": SOURCES},
        "algorithms": {},
        "ranking": {},
        "surfaces": {"home": {}},
    }

    def made(source: int, rows: int) -> Case:
        identity = Identity(table="events", source=source, file="some", fingerprint="f", mapping="m")
        file = LandedFile(identity=identity, landed_at=NOW, rows=rows, accepted=rows)
        lake = Lake(DirectoryBlobs(tmp_path))
        return Case(parse(json.dumps(plain).encode(), "test"), lake, date(2026, 1, 1), [file], {})

    return made


def rows_check(case):
    return next(check for check in file_checks("events", case) if check.name == "events.file.rows")


def test_a_delivered_file_without_rows_fails_by_name(case):
    found = rows_check(case(source=0, rows=0))

    assert (found.passed, found.files) == (False, ("some",))


def test_a_piece_of_a_pulled_source_may_have_no_rows_of_this_table(case):
    assert rows_check(case(source=1, rows=0)).passed
    assert rows_check(case(source=0, rows=1)).passed
