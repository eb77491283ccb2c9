import json
from pathlib import Path

import msgspec
import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument
from data_contracts.pseudonym import Pseudonyms
from recsys_pipelines.privacy.in_landing import DeadLetters, PulledFiles, ServerLogs
from recsys_pipelines.privacy.keeping import cleaned, searched
from recsys_pipelines.privacy.person import Person
from recsys_pipelines.sources.landed import Watermark
from recsys_pipelines.sources.opening import opened
from recsys_pipelines.sources.source import Place
from recsys_pipelines.tenants import Tenant

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
    return PulledFiles(landing, Tenant(found, b"", Path()), place, ANN), landed.prefix + part.name


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


def test_exposures_are_found_by_pseudonym_and_items_of_the_same_name_are_not(landing):
    lines = [
        {"subject": {"user": PSEUDONYMS.of("u-7")}, "items": [{"item_id": "i"}]},
        {"subject": {"user": PSEUDONYMS.of("u-8")}, "items": [{"item_id": "u-7"}]},
    ]
    key = "exposures/tenant=demo/date=2026-01-01/a.jsonl"
    landing.create(key, "".join(json.dumps(line) + "\n" for line in lines).encode() + b'{"half')

    (held,) = cleaned(ServerLogs(landing, ANN))

    assert held.count == 1
    assert landing.read(key) == (json.dumps(lines[1]) + "\n").encode() + b'{"half'


def test_another_tenant_with_the_same_id_keeps_its_lines(landing):
    landing.create("events/tenant=other/date=2026-01-01/a.jsonl", b'{"user_id":"u-7"}\n')

    assert list(searched(ServerLogs(landing, ANN))) == []


@pytest.mark.parametrize(
    ("value", "count"), [("eyJpZCI6InUtNyJ9", 1), ("cGVyc29uIHUtNyE=", 0), ("cGVyc29uIHUtNyA=", 1), ("dS03Nw==", 0)]
)
def test_dead_letters_are_searched_for_the_whole_id(landing, value, count):
    """They say {"id":"u-7"}, person u-7!, person u-7, u-77."""
    landing.create("dead/tenant=demo/source=s/a.jsonl", json.dumps({"reason": "x", "value": value}).encode())

    assert sum(held.count for held in searched(DeadLetters(landing, ANN))) == count
