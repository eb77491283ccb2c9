import io
import json
from datetime import UTC, datetime

import msgspec
import polars as pl
import pyarrow as pa
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument
from data_contracts.pseudonym import Pseudonyms
from recsys_pipelines.ingest import land
from recsys_pipelines.lake import Lake
from recsys_pipelines.privacy.in_pulled import PulledFiles
from recsys_pipelines.privacy.keeping import cleaned, searched
from recsys_pipelines.privacy.person import Person
from recsys_pipelines.sources.landed import Watermark
from recsys_pipelines.sources.opening import opened
from recsys_pipelines.sources.source import Place

PSEUDONYMS = Pseudonyms(b"a secret of at least 16 bytes", "demo")
ANN = Person("demo", PSEUDONYMS.of("u-7"), frozenset({"u-7"}), frozenset({PSEUDONYMS.of("u-7")}), PSEUDONYMS)
FIELDS = {"event_id": "id", "ts": "at", "type": "kind", "item_id": "item"}
WHO = {"user_id": {"column": "who.id", "prefix": "u-"}}  # the lake's id is not what the source says
ROWS = [{"id": f"e{n}", "at": "2026-01-01T00:00:00Z", "kind": "view", "item": 7, "who": {"id": n}} for n in (7, 8, 7)]


def document(events: dict) -> TenantDocument:
    sources = {"items": [{"path": "items.csv"}], "events": [{**events, "fields": FIELDS | WHO}]}
    body = {"schema": "recsys.tenant/1", "tenant": "demo", "sources": sources, "algorithms": {}, "ranking": {}}
    return msgspec.convert(body | {"surfaces": {"home": {}}}, TenantDocument)


@pytest.fixture
def landing(tmp_path):
    return DirectoryBlobs(tmp_path / "landing")


def pulled(landing, tmp_path, found, write, name):
    """A source that has landed one file."""
    place = Place("demo", tmp_path, {}, landing)
    landed = opened(found.sources.events[0], place).landed
    write(tmp_path / name)
    part = landed.store(tmp_path / name, stem="0", rows=3)
    landed.swap(Watermark(files=(part,)), None)
    return PulledFiles(landing, found, place, ANN), landed.prefix + part.name


def test_rows_leave_a_file_of_json_lines_under_whatever_form_the_source_has(landing, tmp_path):
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    kafka = document({"kafka": {"brokers": "localhost:9", "topic": "t"}})
    keeper, key = pulled(landing, tmp_path, kafka, lambda path: path.write_text(lines), "t.jsonl")

    (held,) = cleaned(keeper)

    assert (held.key, held.count) == (key, 2)
    assert [json.loads(line)["id"] for line in landing.read(key).splitlines()] == ["e8"]
    assert list(searched(keeper)) == []


def test_rows_leave_a_parquet_file(landing, tmp_path):
    rows = pl.DataFrame(ROWS)
    postgres = document({"postgres": {"url": "postgresql://localhost:9/db", "table": "events"}})
    keeper, key = pulled(landing, tmp_path, postgres, rows.write_parquet, "t.parquet")

    list(cleaned(keeper))

    assert pl.read_parquet(landing.read(key)).equals(rows.filter(pl.col("id") == "e8"))


def lines_of(landing, key) -> list[dict]:
    with pa.input_stream(io.BytesIO(landing.read(key)), compression="zstd") as stream:
        return [json.loads(line) for line in stream.read().splitlines()]


def write_compressed(path):
    body = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    path.write_bytes(pa.Codec("zstd").compress(body, asbytes=True))


KAFKA = {"kafka": {"brokers": "localhost:9", "topic": "t"}}


def test_rows_leave_compressed_lines(landing, tmp_path):
    keeper, key = pulled(landing, tmp_path, document(KAFKA), write_compressed, "t.jsonl.zst")

    list(cleaned(keeper))

    assert [line["id"] for line in lines_of(landing, key)] == ["e8"]


def test_a_file_that_a_killed_pull_left_is_searched_and_cleaned_too(landing, tmp_path):
    keeper, key = pulled(landing, tmp_path, document(KAFKA), write_compressed, "t.jsonl.zst")
    left = key.rpartition("/")[0] + "/00000-left.jsonl.zst"
    landing.create(left, landing.read(key))

    held = list(cleaned(keeper))

    assert sorted((each.key, each.count) for each in held) == sorted([(key, 2), (left, 2)])
    assert [line["id"] for line in lines_of(landing, left)] == ["e8"]


def test_files_of_a_source_that_the_document_no_longer_has_are_searched_value_by_value(landing, tmp_path):
    keeper, _key = pulled(landing, tmp_path, document(KAFKA), write_compressed, "t.jsonl.zst")
    prefix = "pulled/tenant=demo/source=gone-00000000"
    rows = pl.DataFrame({"who": ["u-8", "u-7"], "n": [1, 2]})
    buffer = io.BytesIO()
    rows.write_parquet(buffer)
    landing.create(f"{prefix}/0-a.parquet", buffer.getvalue())
    landing.create(f"{prefix}/0-b.jsonl", b'{"a": [{"who": "u-7"}]}\n{"a": "u-77"}\nno json\n')

    held = list(cleaned(keeper))

    assert [(each.key.rpartition("/")[2], each.count) for each in held if "gone" in each.key] == [
        ("0-a.parquet", 1),
        ("0-b.jsonl", 1),
    ]
    assert pl.read_parquet(landing.read(f"{prefix}/0-a.parquet"))["who"].to_list() == ["u-8"]
    assert landing.read(f"{prefix}/0-b.jsonl") == b'{"a": "u-77"}\nno json\n'
    assert list(searched(keeper)) == []


@pytest.mark.slow
def test_what_the_source_still_says_of_a_forgotten_person_does_not_stay_in_the_landing_area(kafka, landing, tmp_path):
    topic, lake = kafka.topic(), Lake(DirectoryBlobs(tmp_path / "lake"))
    kafka.send(topic, [json.dumps(row).encode() for row in ROWS])
    (tmp_path / "items.csv").write_text("item_id\n7\n")
    quick = {"session_timeout_ms": "1000", "heartbeat_interval_ms": "100"}
    found = document({"kafka": {"brokers": kafka.address, "topic": topic, "idle_s": 1.0, "settings": quick}})
    place = Place("demo", tmp_path, {}, landing)

    landed = land(found, place, lake, now=datetime(2026, 2, 1, tzinfo=UTC), pseudonyms=PSEUDONYMS, forgotten=ANN.marks)

    assert (landed.accepted, [pull.rows for pull in landed.pulled]) == (2, [3])
    assert list(searched(PulledFiles(landing, found, place, ANN))) == []
    again = land(found, place, lake, now=datetime(2026, 2, 2, tzinfo=UTC), pseudonyms=PSEUDONYMS, forgotten=ANN.marks)
    assert (again.files_new, again.accepted) == (0, 2)
