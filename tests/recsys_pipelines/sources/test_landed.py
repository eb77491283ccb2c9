from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data_contracts.errors import BlobChanged
from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.landed import LEFTOVER, Landed, LandedPart, LandedSource, Watermark, source_name
from recsys_pipelines.sources.source import ROW, MissingPart, Needs, Part, Place, SourceError

NEEDS = Needs(("user",), ("user",))


class Shop(LandedSource):
    name = "shop-1"


@pytest.fixture
def landed(blobs):
    return Landed(blobs, "acme", "shop-1")


@pytest.fixture
def source(blobs, tmp_path):
    return Shop(SourceSpec(path="x"), Place("acme", tmp_path, {}, blobs))


def file(folder: Path, name: str, *users: str) -> Path:
    path = folder / name
    frame = pl.DataFrame({"user": users}, schema={"user": pl.String})
    (frame.write_parquet if path.suffix == ".parquet" else frame.write_ndjson)(path)
    return path


def read(source: LandedSource, part: Part) -> list[dict[str, object]]:
    with source.rows(part, NEEDS) as rows:
        return rows.collect().to_dicts()


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl"])
def test_a_landed_file_counts_once_the_record_names_it(landed, source, tmp_path, name):
    part = landed.store(file(tmp_path, name, "ann", "bob"), stem="1", rows=2)
    with pytest.raises(MissingPart, match="shop-1: nothing has been pulled from it yet"):
        source.parts()

    landed.swap(Watermark(files=(part,), read={"id": "7"}), None)

    (found,) = source.parts()
    assert found.name == f"shop-1/{part.name}"
    assert read(source, found) == [{ROW: 1, "user": "ann"}, {ROW: 2, "user": "bob"}]
    assert list(source.columns(found)) == ["user"]
    assert landed.record()[0] == Watermark(files=(part,), read={"id": "7"})


def test_the_same_rows_are_the_same_file_and_other_rows_another(landed, tmp_path):
    first = landed.store(file(tmp_path, "a.jsonl", "ann"), stem="1", rows=1)
    again = landed.store(file(tmp_path, "b.jsonl", "ann"), stem="1", rows=1)
    other = landed.store(file(tmp_path, "a.jsonl", "eve"), stem="1", rows=1)

    assert first == again
    assert first.name != other.name


def test_of_two_pulls_at_once_the_second_changes_nothing(landed):
    landed.swap(Watermark(read={"id": "1"}), None)
    _, tag = landed.record()
    landed.swap(Watermark(read={"id": "2"}), tag)

    with pytest.raises(BlobChanged):
        landed.swap(Watermark(read={"id": "3"}), tag)

    assert landed.record()[0] == Watermark(read={"id": "2"})


def test_only_old_files_that_no_record_names_are_swept(landed, source, tmp_path):
    kept = landed.store(file(tmp_path, "a.jsonl", "ann"), stem="1", rows=1)
    landed.store(file(tmp_path, "a.jsonl", "eve"), stem="1", rows=1)
    record = Watermark(files=(kept,))
    landed.swap(record, None)
    now = datetime.now(UTC)

    assert landed.sweep(record, now) == 0
    assert landed.sweep(record, now + LEFTOVER + timedelta(minutes=1)) == 1
    assert [row["user"] for row in read(source, source.parts()[0])] == ["ann"]


def test_a_landed_file_that_is_gone_is_named(landed, source):
    landed.swap(Watermark(files=(LandedPart(name="1-x.jsonl", rows=1),)), None)

    with pytest.raises(MissingPart, match=r"shop-1/1-x\.jsonl: the landed file was removed"):
        read(source, source.parts()[0])


def test_a_source_that_lands_needs_a_landing_area(tmp_path):
    with pytest.raises(SourceError, match="shop-1 is copied to a landing area, and here is none"):
        Shop(SourceSpec(path="x"), Place("acme", tmp_path, {})).parts()


def test_names_are_words_that_keys_allow_and_differ_by_what_is_read():
    first = source_name('shop."Order lines"', {"table": "a"})

    assert first.startswith("shop-Order-lines-")
    assert first != source_name('shop."Order lines"', {"table": "b"})
