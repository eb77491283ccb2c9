"""Members of one group that think the same partition is theirs; no broker is needed for that."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.errors import BlobCorrupt
from recsys_pipelines.sources.kafka_landing import Range, TopicLanding
from recsys_pipelines.sources.kafka_messages import Message
from recsys_pipelines.sources.landed import Landed


def messages(first, last, partition=0, bad=()):
    return [
        Message("t", partition, at, 0, None, b"?" if at in bad else b'{"n":%d}' % at) for at in range(first, last + 1)
    ]


@pytest.fixture
def landing(tmp_path):
    return TopicLanding(Landed(DirectoryBlobs(tmp_path), "demo", "topic"))


def stems(landing):
    """The ranges that count, by the names of their files."""
    return [tuple(map(int, file.name.split("-")[:3])) for file in landing.landed.record()[0].files]


def dead_offsets(landing):
    entries = landing.landed.blobs.entries(landing.graveyard)
    return [json.loads(line)["offset"] for e in entries for line in landing.landed.blobs.read(e.key).splitlines()]


def test_the_second_of_two_members_lands_only_what_the_first_has_not(landing):
    first = landing.store(messages(0, 4))

    second = landing.store(messages(2, 6))
    third = landing.store(messages(0, 6))

    assert (first.rows, second.rows, third) == (5, 2, (0, 0, 0))
    assert stems(landing) == [(0, 0, 4), (0, 5, 6)]
    assert landing.next() == {0: 7}


def test_members_that_land_at_once_lose_nothing_and_land_nothing_twice(landing):
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda at: landing.store(messages(0, 9, partition=at % 4)), range(8)))

    assert sum(each.rows for each in counted) == 40
    assert sorted(stems(landing)) == [(partition, 0, 9) for partition in range(4)]


def test_dead_letters_are_kept_once_also_where_ranges_overlap(landing):
    covered = Range(0, 0, 3)
    landing.store(messages(0, 3, bad={1}))
    (landing.landed.blobs.delete(f"{landing.landed.prefix}watermark.json"))  # as if killed before the record

    counted = landing.store(messages(0, 6, bad={1, 5}))

    assert counted.dead_letters == 1
    assert dead_offsets(landing) == [1, 5]
    assert covered.name < Range(0, 0, 6).name < Range(1, 0, 0).name


def test_a_file_that_does_not_read_as_it_was_written_does_not_count(tmp_path):
    class Rotten(DirectoryBlobs):
        """A disk that keeps other bytes."""

        def create(self, key, body):
            super().create(key, b"rotten")

    landing = TopicLanding(Landed(Rotten(tmp_path), "demo", "topic"))

    with pytest.raises(BlobCorrupt, match="does not read as it was written"):
        landing.store(messages(0, 1))

    assert landing.next() == {}
