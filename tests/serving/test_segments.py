"""Segments of a log: nothing handed over is lost, whoever dies; nothing lands twice."""

import resource
import signal
import subprocess
import sys
from datetime import date

import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.errors import StoreUnavailable
from serving.segments import Rotation, SegmentLost, Segments

DAY = date(2026, 3, 2)


class Place:
    """A spool, a landing area, and a clock that is moved by hand."""

    def __init__(self, folder):
        self.spool = folder / "spool"
        self.landing = DirectoryBlobs(folder / "landing")
        self.now = 0.0

    def segments(self, *, largest=1_000, longest=60.0, sync="never"):
        rotation = Rotation(largest_bytes=largest, longest_s=longest, sync=sync)
        return Segments(self.spool, rotation, lambda: self.now)

    def landed(self):
        return {entry.key: self.landing.read(entry.key) for entry in self.landing.entries("exposures/")}

    def spooled(self):
        return sorted(path.relative_to(self.spool).as_posix() for path in self.spool.rglob("*.jsonl"))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_a_finished_segment_lands_by_tenant_and_day(place):
    segments = place.segments()
    segments.append("demo", DAY, b"1\n")
    segments.append("demo", DAY, b"2\n")
    segments.append("video", DAY, b"3\n")

    segments.finish(everything=True)
    landed = segments.land(place.landing)

    assert landed == 2
    assert {key.rpartition("/")[0]: body for key, body in place.landed().items()} == {
        "exposures/tenant=demo/date=2026-03-02": b"1\n2\n",
        "exposures/tenant=video/date=2026-03-02": b"3\n",
    }
    assert place.spooled() == []


def test_a_line_is_in_the_file_when_append_returns(place):
    segments = place.segments()

    segments.append("demo", DAY, b"1\n")

    assert [(place.spool / name).read_bytes() for name in place.spooled()] == [b"1\n"]


def test_an_open_segment_is_not_landed(place):
    segments = place.segments()
    segments.append("demo", DAY, b"1\n")

    assert segments.land(place.landing) == 0
    assert place.segments().land(place.landing) == 0
    assert place.landed() == {}


def test_a_segment_that_is_large_enough_is_followed_by_another(place):
    segments = place.segments(largest=4)

    for line in (b"11\n", b"22\n", b"33\n"):
        segments.append("demo", DAY, line)

    segments.finish(everything=True)
    segments.land(place.landing)
    assert sorted(place.landed().values()) == [b"11\n22\n", b"33\n"]


def test_a_segment_that_is_old_enough_is_finished(place):
    segments = place.segments(longest=60)
    segments.append("demo", DAY, b"1\n")

    place.now = 59
    segments.finish()
    too_early = segments.land(place.landing)
    place.now = 60
    segments.finish()

    assert (too_early, segments.land(place.landing)) == (0, 1)


def test_a_new_day_begins_a_new_segment(place):
    segments = place.segments()
    segments.append("demo", DAY, b"1\n")
    segments.append("demo", date(2026, 3, 3), b"2\n")

    segments.finish(everything=True)
    segments.land(place.landing)

    assert sorted(key.split("/")[2] for key in place.landed()) == ["date=2026-03-02", "date=2026-03-03"]


@pytest.mark.parametrize("sync", ["never", "segment", "record"])
def test_whatever_is_forced_to_the_disk_the_lines_are_the_same(place, sync):
    segments = place.segments(sync=sync)
    segments.append("demo", DAY, b"1\n")
    segments.finish(everything=True)
    segments.land(place.landing)

    assert list(place.landed().values()) == [b"1\n"]


def test_a_landing_area_that_does_not_answer_loses_nothing(place, tmp_path):
    segments = place.segments()
    segments.append("demo", DAY, b"1\n")
    segments.finish(everything=True)
    (tmp_path / "landing").write_text("a file where a folder should be")

    with pytest.raises(StoreUnavailable):
        segments.land(place.landing)
    (tmp_path / "landing").unlink()

    assert segments.land(place.landing) == 1


def test_what_landed_before_a_crash_does_not_land_twice(place):
    segments = place.segments()
    segments.append("demo", DAY, b"1\n")
    segments.finish(everything=True)
    path = place.spool / place.spooled()[0]
    place.landing.create(f"exposures/{place.spooled()[0]}", path)

    assert segments.land(place.landing) == 1
    assert list(place.landed().values()) == [b"1\n"]
    assert place.spooled() == []


def test_a_segment_without_a_line_is_just_removed(place):
    folder = place.spool / "tenant=demo" / "date=2026-03-02"
    folder.mkdir(parents=True)
    (folder / "abc.jsonl").touch()

    place.segments().land(place.landing)

    assert (place.landed(), place.spooled()) == ({}, [])


@pytest.mark.parametrize("torn", [b"3", b"x" * 3_000_000])
def test_what_a_killed_worker_wrote_of_a_line_is_cut_off(place, torn):
    segments = place.segments()
    segments.append("demo", DAY, b"1\n2\n" + torn)
    segments.finish(everything=True)

    segments.land(place.landing)

    assert list(place.landed().values()) == [b"1\n2\n"]


def test_a_segment_of_half_a_line_is_nothing(place):
    segments = place.segments()
    segments.append("demo", DAY, b"half a line")
    segments.finish(everything=True)

    segments.land(place.landing)

    assert (place.landed(), place.spooled()) == ({}, [])


def test_each_kind_has_its_folder_in_the_landing_area(place):
    rotation = Rotation(largest_bytes=1_000, longest_s=60.0)
    segments = Segments(place.spool, rotation, lambda: place.now, kind="events")
    segments.append("demo", DAY, b"1\n")
    segments.finish(everything=True)

    segments.land(place.landing)

    assert [e.key.rpartition("/")[0] for e in place.landing.entries("events/")] == [
        "events/tenant=demo/date=2026-03-02"
    ]


KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
from serving.segments import Rotation, Segments
segments = Segments(Path(sys.argv[1]), Rotation(largest_bytes=1000, longest_s=60), lambda: 0.0)
for number in range(100):
    segments.append("demo", date(2026, 3, 2), b"%d\\n" % number)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_lines_of_a_killed_worker_are_landed_by_another(place):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(place.spool)], check=False)

    place.segments().land(place.landing)

    assert killed.returncode == -signal.SIGKILL
    assert list(place.landed().values()) == [b"".join(b"%d\n" % number for number in range(100))]


def test_two_workers_that_land_at_once_land_each_segment_once(place):
    writer = place.segments(largest=1)
    for number in range(40):
        writer.append("demo", DAY, b"%d\n" % number)
    writer.finish(everything=True)
    lander = (
        "import sys; from pathlib import Path; from serving.segments import *; "
        "from data_contracts.directory import DirectoryBlobs; "
        "print(Segments(Path(sys.argv[1]), Rotation(largest_bytes=1, longest_s=1), lambda: 0.0)"
        ".land(DirectoryBlobs(Path(sys.argv[2]))))"
    )
    command = [sys.executable, "-c", lander, str(place.spool), place.landing.url]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    landed = [int(process.communicate()[0]) for process in both]

    assert sum(landed) == 40
    assert sorted(place.landed().values()) == sorted(b"%d\n" % number for number in range(40))


def test_a_full_disk_drops_the_line_and_leaves_no_half_of_it(place):
    segments = place.segments(largest=10_000)
    segments.append("demo", DAY, b"x" * 90 + b"\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        with pytest.raises(SegmentLost) as caught:
            segments.append("demo", DAY, b"y" * 50 + b"\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    segments.append("demo", DAY, b"z\n")
    segments.finish(everything=True)
    segments.land(place.landing)

    assert caught.value.reason == "disk_full"
    assert list(place.landed().values()) == [b"x" * 90 + b"\nz\n"]


def test_a_spool_that_cannot_be_written_is_told(place):
    place.spool.parent.mkdir(exist_ok=True)
    place.spool.write_text("a file where a folder should be")

    with pytest.raises(SegmentLost) as caught:
        place.segments().append("demo", DAY, b"1\n")

    assert caught.value.reason == "write_failed"


def test_files_are_not_for_everybody(place):
    place.segments().append("demo", DAY, b"1\n")

    assert (place.spool / place.spooled()[0]).stat().st_mode & 0o007 == 0
