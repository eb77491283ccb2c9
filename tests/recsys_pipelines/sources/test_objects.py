"""Objects of a bucket, next to the same files on a disk: both are named, chosen and read alike."""

import gzip
import re
from pathlib import Path

import polars as pl
import pytest

from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.files import FileSource
from recsys_pipelines.sources.objects import ObjectSource
from recsys_pipelines.sources.source import (
    ROW,
    EmptyPart,
    MalformedPart,
    MissingPart,
    Needs,
    SourceError,
    Unreachable,
    UnsetVariable,
    WrongEncoding,
)

pytestmark = pytest.mark.slow

NEEDS = Needs(("user",), ("user",))
NOBODY = {"RECSYS_S3_ENDPOINT": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
TREE = (
    "data/a.csv",
    "data/b.parquet",
    "data/README.md",
    "data/_unfinished.csv",
    "data/.hidden/c.csv",
    "data/_temporary/d.csv",
    "data/2026/01/e1.csv",
    "data/2026/02/e2.csv",
    "data/2026/02/u1.jsonl.gz",
    "data.csv",
    "data.csv.bak",
    "database/f.csv",
)


class Bucket:
    def __init__(self, name, client, environ):
        self.name, self.client, self.environ = name, client, environ | {"BUCKET": name}

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def source(self, path: str, **settings) -> ObjectSource:
        return ObjectSource(SourceSpec(path=path, **settings), self.environ)

    def rows(self, path: str, **settings) -> list[dict[str, object]]:
        source, found = self.source(path, **settings), []
        for part in source.parts():
            with source.rows(part, NEEDS) as rows:
                found += rows.select(ROW, "user").collect().to_dicts()
        return found


@pytest.fixture
def s3(bucket, s3_client, s3_environ):
    return Bucket(bucket, s3_client, s3_environ)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("data", ["data/2026/01/e1.csv", "data/2026/02/e2.csv", "data/2026/02/u1.jsonl.gz", "data/a.csv",
                              "data/b.parquet"], id="a folder"),
        pytest.param("data/", ["data/2026/01/e1.csv", "data/2026/02/e2.csv", "data/2026/02/u1.jsonl.gz", "data/a.csv",
                               "data/b.parquet"], id="a folder with its slash"),
        pytest.param("data.csv", ["data.csv"], id="one file"),
        pytest.param("data/*.csv", ["data/a.csv"], id="a glob in a folder"),
        pytest.param("data/*", ["data/README.md", "data/a.csv", "data/b.parquet"], id="everything in a folder"),
        pytest.param("data/*/*/e?.csv", ["data/2026/01/e1.csv", "data/2026/02/e2.csv"], id="folders"),
        pytest.param("data/**/e[0-1].csv", ["data/2026/01/e1.csv"], id="any number of folders"),
        pytest.param("data/**/*.csv", ["data/2026/01/e1.csv", "data/2026/02/e2.csv", "data/a.csv"], id="none as well"),
        pytest.param("dat*/f.csv", ["database/f.csv"], id="a pattern in the first folder"),
    ],
)  # fmt: skip
def test_a_bucket_and_a_disk_have_the_same_files(s3, tmp_path, path, expected):
    for key in TREE:
        s3.put(key, b"user\nann\n")
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(b"user\nann\n")

    on_disk = FileSource(SourceSpec(path=path), tmp_path, {}).parts()
    in_bucket = s3.source(f"s3://${{BUCKET}}/{path}").parts()

    assert [part.name for part in on_disk] == expected
    assert [part.name for part in in_bucket] == [f"s3://${{BUCKET}}/{name}" for name in expected]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("e.csv", b"user\nann\nbob\n", id="csv"),
        pytest.param("e.csv.gz", gzip.compress(b"user\nann\nbob\n"), id="csv.gz"),
        pytest.param("e.jsonl", b'{"user":"ann"}\n{"user":"bob"}\n', id="jsonl"),
    ],
)
def test_formats_are_those_of_files(s3, name, body):
    s3.put(f"in/{name}", body)

    assert s3.rows("s3://${BUCKET}/in") == [{ROW: 1, "user": "ann"}, {ROW: 2, "user": "bob"}]


def test_parquet_is_read(s3, tmp_path):
    pl.DataFrame({"user": ["ann"]}).write_parquet(tmp_path / "e.parquet")
    s3.put("e.parquet", (tmp_path / "e.parquet").read_bytes())

    assert s3.rows("s3://${BUCKET}/e.parquet") == [{ROW: 1, "user": "ann"}]


def test_a_whole_bucket_is_a_folder(s3):
    s3.put("e.csv", b"user\nann\n")

    assert s3.rows("s3://${BUCKET}") == [{ROW: 1, "user": "ann"}]


def test_a_fingerprint_follows_the_content_and_not_the_writing(s3):
    source = s3.source("s3://${BUCKET}/e.csv")
    fingerprints = []
    for body in (b"user\nann\n", b"user\nann\n", b"user\neve\n"):
        s3.put("e.csv", body)
        fingerprints += [part.fingerprint for part in source.parts()]

    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_an_object_of_many_parts_is_fingerprinted_and_read(s3):
    upload = s3.client.create_multipart_upload(Bucket=s3.name, Key="e.csv")
    place = {"Bucket": s3.name, "Key": "e.csv", "UploadId": upload["UploadId"]}
    pieces = [b"user\n" + b"ann\n" * (5 << 18), b"bob\n"]
    tags = [s3.client.upload_part(**place, PartNumber=at, Body=body)["ETag"] for at, body in enumerate(pieces, 1)]
    done = [{"PartNumber": at, "ETag": tag} for at, tag in enumerate(tags, 1)]
    s3.client.complete_multipart_upload(**place, MultipartUpload={"Parts": done})

    (part,) = s3.source("s3://${BUCKET}/e.csv").parts()
    assert "-2-" in part.fingerprint
    assert s3.rows("s3://${BUCKET}/e.csv")[-1] == {ROW: (5 << 18) + 1, "user": "bob"}


def test_the_marker_of_a_folder_is_no_file(s3):
    s3.put("in/", b"")
    s3.put("in/e.csv", b"user\nann\n")

    assert [part.name for part in s3.source("s3://${BUCKET}/in/*").parts()] == ["s3://${BUCKET}/in/e.csv"]


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        pytest.param(b"", EmptyPart, "the file is empty", id="empty"),
        pytest.param(b"user\n\xff\n", WrongEncoding, "byte 0xff at offset 5, in line 2", id="encoding"),
        pytest.param(b"user\nann,x\n", MalformedPart, "line 2 has 2 fields instead of 1", id="malformed"),
    ],
)
def test_a_fault_names_the_object_as_the_document_does(s3, body, error, said):
    s3.put("in/e.csv", body)

    with pytest.raises(error) as raised:
        s3.rows("s3://${BUCKET}/in/*.csv")

    assert str(raised.value).startswith("s3://${BUCKET}/in/e.csv: ")
    assert said in str(raised.value)


def test_nothing_under_a_prefix_is_missing_and_not_silently_empty(s3):
    with pytest.raises(MissingPart, match=r"s3://\$\{BUCKET\}/in: there is no such object"):
        s3.source("s3://${BUCKET}/in").parts()


@pytest.mark.parametrize(
    ("environ", "error", "said"),
    [
        pytest.param({"BUCKET": "no-such-bucket-here"}, Unreachable, "NoSuchBucket", id="no such bucket"),
        pytest.param(NOBODY, Unreachable, "Endpoint", id="no answer"),
        pytest.param({"BUCKET": ""}, UnsetVariable, "BUCKET", id="no variable"),
        pytest.param({"BUCKET": "a:b@c"}, SourceError, "without credentials", id="no bucket's name"),
    ],
)
def test_a_bucket_that_does_not_answer_is_not_an_empty_one(s3, environ, error, said):
    with pytest.raises(error, match=said):
        ObjectSource(SourceSpec(path="s3://${BUCKET}/in"), s3.environ | environ).parts()


def test_a_copy_is_gone_after_it_was_read(s3):
    s3.put("e.csv", b"user\nann\n")
    source = s3.source("s3://${BUCKET}/e.csv")

    with source.rows(source.parts()[0], NEEDS) as rows:
        copy = Path(re.findall(r"\[(/[^]]*e\.csv)", rows.explain())[0])
        assert copy.read_bytes() == b"user\nann\n"

    assert not copy.exists()


def test_an_object_is_fetched_once_for_its_rows_and_its_columns(s3):
    s3.put("e.csv", b"user\nann\n")
    source = s3.source("s3://${BUCKET}/e.csv")
    (part,) = source.parts()
    with source.rows(part, NEEDS):
        s3.client.delete_object(Bucket=s3.name, Key="e.csv")

    assert source.columns(part) == {"user": "text"}
    with pytest.raises(MissingPart):
        s3.source("s3://${BUCKET}/e.csv").columns(part)
