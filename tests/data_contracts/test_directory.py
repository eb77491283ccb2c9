import errno
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.errors import BlobExists, StoreUnavailable

SLOW_WRITER = """
import sys, time
from pathlib import Path
from data_contracts.directory import DirectoryBlobs

def slow_link(draft, target):
    print("written", flush=True)
    time.sleep(60)

DirectoryBlobs(Path(sys.argv[1]), link=slow_link).create("a/b", b"x" * 100_000)
"""


def no_links(_draft, _target):
    raise OSError(errno.EPERM, "no links here")


@pytest.fixture
def killed(tmp_path):
    """A store in which a writer was killed after it had written its bytes and before they got their name."""
    writer = subprocess.Popen([sys.executable, "-c", SLOW_WRITER, str(tmp_path / "store")], stdout=subprocess.PIPE)
    with writer:
        assert writer.stdout.readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
    return DirectoryBlobs(tmp_path / "store")


def drafts(blobs):
    return list((blobs._root / ".store" / "drafts").iterdir())


def test_what_a_killed_writer_left_is_never_seen(killed):
    assert len(drafts(killed)) == 1
    assert list(killed.entries("")) == []
    assert killed.size("a/b") is None


def test_the_lock_of_a_killed_writer_is_free(killed):
    started = time.monotonic()

    killed.create("a/b", b"mine")

    assert killed.read("a/b") == b"mine"
    assert time.monotonic() - started < 5


def test_leftovers_are_discarded_once_they_are_old(killed):
    now = datetime.now(UTC)

    young = killed.discard_leftovers(now - timedelta(hours=1))
    old = killed.discard_leftovers(now + timedelta(hours=1))

    assert (young, old, drafts(killed)) == (0, 1, [])


def test_a_finished_write_leaves_no_draft(tmp_path):
    blobs = DirectoryBlobs(tmp_path)
    blobs.create("a", b"1")
    blobs.replace("b", b"1", None)
    with pytest.raises(BlobExists):
        blobs.create("a", b"2")

    assert drafts(blobs) == []


def test_file_systems_without_links_still_create_only_once(tmp_path):
    blobs = DirectoryBlobs(tmp_path, link=no_links)
    blobs.create("a", b"1")

    with pytest.raises(BlobExists):
        blobs.create("a", b"2")
    assert blobs.read("a") == b"1"


def test_a_full_disk_is_reported_with_key_and_reason(tmp_path):
    def full(_draft, _target):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreUnavailable, match=r"a/b in .*No space left"):
        DirectoryBlobs(tmp_path, link=full).create("a/b", b"1")


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda blobs: blobs.read("a"), id="read"),
        pytest.param(lambda blobs: blobs.size("a"), id="size"),
        pytest.param(lambda blobs: blobs.create("a", b"1"), id="create"),
        pytest.param(lambda blobs: blobs.replace("a", b"1", None), id="replace"),
        pytest.param(lambda blobs: list(blobs.entries("")), id="entries"),
        pytest.param(lambda blobs: blobs.delete("a"), id="delete"),
    ],
)
def test_a_file_in_the_place_of_the_store_is_no_store(tmp_path, ask):
    (tmp_path / "store").write_text("not a directory")

    with pytest.raises(StoreUnavailable, match="store"):
        ask(DirectoryBlobs(tmp_path / "store"))


def test_other_users_may_read_what_the_mask_allows(tmp_path):
    mask = os.umask(0o027)
    try:
        DirectoryBlobs(tmp_path).create("a", b"1")
    finally:
        os.umask(mask)

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
