"""A disaster, and the way back: a bucket with versions, on a real S3 peer, restored to a moment before it."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from litestar.testing import TestClient

from data_contracts.errors import InvalidStore
from data_contracts.open import open_blobs
from data_contracts.pseudonym import Pseudonyms
from data_contracts.s3 import S3Blobs
from data_contracts.s3_versions import S3Versions
from data_contracts.tombstones import engrave, read_tombstones
from jobs.cli import main
from recsys_algo.loading import load
from recsys_pipelines.restore import restore
from serving.app import create_app
from serving.settings import Settings

pytestmark = pytest.mark.slow


class Bucket:
    """A store in a bucket that keeps versions."""

    def __init__(self, client, name):
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        self.client, self.name = client, name
        self.blobs = S3Blobs(client, name, "store")

    def open(self):
        return self.blobs

    @property
    def url(self):
        return f"s3://{self.name}/store"

    @property
    def versions(self):
        return S3Versions(self.blobs)

    def moment(self):
        """A moment between what was and what comes: the service's clock counts seconds."""
        now = datetime.now(UTC)
        time.sleep(1.01 - now.microsecond / 1e6)
        return now


@pytest.fixture
def bucket(s3_client, bucket):
    return Bucket(s3_client, bucket)


@pytest.fixture
def press(bucket, publisher, tmp_path):
    return publisher.Press(bucket, tmp_path / "press", "encoded")


def answered(home, store):
    """The status of a server's answer from that store, and the generation that it is from."""
    environ = {"RECSYS_HOME": str(home), "RECSYS_STORE": str(store)}
    with TestClient(create_app(Settings.from_environ(environ), environ)) as client:
        answer = client.post("/v1/recommend", json={"surface": "home", "user": {"user_id": "u1"}})
    return answer.status_code, answer.json()["meta"]["manifest_generation"]


def contents(blobs):
    return {entry.key: blobs.read(entry.key) for entry in blobs.entries("")}


def test_what_was_overwritten_and_deleted_is_as_it_was_and_loads(bucket, press, tmp_path):
    press.serve("i-1")
    press.serve("i-2")
    before, moment = press.state(), bucket.moment()
    for key in before:  # somebody empties the bucket, and something writes nonsense over it
        bucket.blobs.delete(key)
    bucket.blobs.create("current/demo/home.json", b"nonsense")
    target = open_blobs(str(tmp_path / "restored"), {})

    done = restore(bucket.versions, target, moment, source=bucket.url)

    assert contents(target) == before
    assert done.is_whole
    assert [(each.tenant, each.surface, each.generation) for each in done.surfaces] == [("demo", "home", 2)]
    assert (done.keys, done.bytes) == (len(before), sum(map(len, before.values())))
    assert answered(tmp_path / "server", tmp_path / "restored") == (200, 2)


def test_each_moment_has_its_generation_and_what_came_later_is_not_there(bucket, press, tmp_path):
    press.serve("i-1")
    first = bucket.moment()
    press.serve("i-2")
    early, late = (open_blobs(str(tmp_path / name), {}) for name in ("early", "late"))

    restored = [
        restore(bucket.versions, target, at, source=bucket.url)
        for target, at in ((early, first), (late, datetime.now(UTC) + timedelta(seconds=2)))
    ]

    assert [each.surfaces[0].generation for each in restored] == [1, 2]
    assert {entry.key for entry in early.entries("manifests/")} == {"manifests/demo/home/00000001.json"}
    assert contents(late) == press.state()


def test_people_who_were_forgotten_since_stay_forgotten(bucket, press, tmp_path):
    press.serve("i-1")
    of = Pseudonyms(b"0123456789abcdef", "demo").of
    engrave(bucket.blobs, "demo", of("u1"), {of("u1")}, now=datetime.now(UTC), key_id="k")
    moment = bucket.moment()
    engrave(bucket.blobs, "demo", of("u2"), {of("u2")}, now=datetime.now(UTC), key_id="k")
    target = open_blobs(str(tmp_path / "restored"), {})

    restore(bucket.versions, target, moment, source=bucket.url)

    assert read_tombstones(target, "demo").tombstones.marks == {of("u1"), of("u2")}


def test_what_cannot_be_served_is_named(bucket, press, tmp_path):
    press.serve("i-1")
    for entry in list(bucket.blobs.entries("manifests/")):
        bucket.blobs.delete(entry.key)

    done = restore(
        bucket.versions, open_blobs(str(tmp_path / "r"), {}), bucket.moment(), source=bucket.url
    )  # fmt: skip

    assert not done.is_whole
    assert done.surfaces[0].fault.startswith("missing_manifest")


def test_a_place_that_is_not_empty_is_refused(bucket, press, tmp_path):
    press.serve("i-1")
    target = open_blobs(str(tmp_path / "r"), {})
    target.create("x", b"somebody's")

    with pytest.raises(InvalidStore, match="not empty"):
        restore(bucket.versions, target, bucket.moment(), source=bucket.url)


def test_a_moment_before_everything_is_refused(bucket, press, tmp_path):
    press.serve("i-1")

    with pytest.raises(InvalidStore, match="held nothing at 2020-01-01"):
        restore(
            bucket.versions, open_blobs(str(tmp_path / "r"), {}), datetime(2020, 1, 1, tzinfo=UTC), source=bucket.url
        )


def test_a_bucket_without_versions_says_what_to_do(s3_client, bucket):
    s3_client.create_bucket(Bucket=f"{bucket.name}-plain")

    with pytest.raises(InvalidStore, match="switch versioning on"):
        S3Versions(S3Blobs(s3_client, f"{bucket.name}-plain"))


def test_the_command_restores_into_a_folder_and_says_what_loads(
    bucket, press, s3_environ, monkeypatch, capsys, tmp_path
):
    press.serve("i-1")
    moment = bucket.moment()
    press.serve("i-2")
    for name, value in s3_environ.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        main(["restore", "--store", bucket.url, "--at", moment.isoformat(), "--into", str(tmp_path / "r"), "--json"])

    said = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0
    assert said["surfaces"] == [{"tenant": "demo", "surface": "home", "generation": 1}]
    assert (said["source"], said["into"]) == (bucket.url, str(tmp_path / "r"))
    assert load(open_blobs(said["into"], {}), "demo", "home", tmp_path / "cache").bundle.generation == 1


def test_a_directory_keeps_no_versions(capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(["restore", "--store", str(tmp_path / "store"), "--into", str(tmp_path / "r")])

    assert ended.value.code == 1
    assert "keeps no versions" in capsys.readouterr().err
