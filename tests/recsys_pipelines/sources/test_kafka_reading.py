"""One pull from a topic whose broker does what the real one of these tests cannot: delete messages, and fall silent."""

import asyncio
import json

import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.source_specs import Kafka, SourceSpec
from recsys_pipelines.sources.kafka import KafkaSource
from recsys_pipelines.sources.kafka_client import Bounds, Client
from recsys_pipelines.sources.kafka_landing import TopicLanding
from recsys_pipelines.sources.kafka_messages import Message
from recsys_pipelines.sources.kafka_reading import Reading, RetentionGap
from recsys_pipelines.sources.source import Needs, Place


@pytest.fixture
def source(tmp_path):
    kafka = Kafka(brokers="localhost:9", topic="t", batch_records=1, idle_s=1.0)
    return KafkaSource(SourceSpec(kafka=kafka), Place("demo", tmp_path, {}, DirectoryBlobs(tmp_path / "landing")))


def numbers(source):
    found = []
    for part in source.parts():
        with source.rows(part, Needs(("n",), ("n",))) as rows:
            found += [int(n) for n in rows.collect()["n"]]
    return found


def dead_letter(source):
    (file,) = (source.place.folder / "landing" / "dead").rglob("*.jsonl")
    return json.loads(file.read_text())


class Partition:
    """A client of a topic that has one partition, of which retention left the messages from ``first`` on.

    The broker of these tests cannot delete messages.
    """

    def __init__(self, first, end):
        self.bound = Bounds(first, end)
        self.at = first

    async def start(self, assigned, revoked):
        await assigned([0])

    async def bounds(self, partitions):
        return {0: self.bound}

    def seek(self, partition, offset):
        self.at = max(offset, self.bound.first)

    async def poll(self, seconds, limit):
        found = [Message("t", 0, at, 0, None, b'{"n":%d}' % at) for at in range(self.at, self.bound.end)][:limit]
        self.at += len(found)
        return found

    async def commit(self, partition, offset):
        pass


class Shrinking(Partition):
    """The same, but the messages before ``lost`` vanish while they are read."""

    def __init__(self, end, lost):
        super().__init__(0, end)
        self.lost = lost

    async def poll(self, seconds, limit):
        found = await super().poll(seconds, limit)
        self.bound = Bounds(self.lost, self.bound.end)
        self.at = max(self.at, self.lost)
        return found


@pytest.mark.parametrize(
    ("client", "rows"),
    [
        pytest.param(lambda: Partition(6, 9), [0, 1, 2, 6, 7, 8], id="before a pull"),
        pytest.param(lambda: Shrinking(9, 6), [0, 1, 2, 3, 6, 7, 8], id="during one"),
    ],
)
def test_messages_that_were_deleted_unread_are_a_named_warning_and_a_dead_letter(source, client, rows):
    landing = TopicLanding(source.landed)
    asyncio.run(Reading(Partition(0, 3), source.spec.kafka, landing).run())

    with pytest.warns(RetentionGap, match=rf"topic 't', partition 0: .* offsets {rows[-4] + 1} to 5"):
        counted = asyncio.run(Reading(client(), source.spec.kafka, landing).run())

    assert numbers(source) == rows
    assert counted.dead_letters == 1
    assert f"offsets {rows[-4] + 1} to 5" in dead_letter(source)["reason"]


class Silent(Partition):
    """It stops answering while messages are asked for."""

    async def poll(self, seconds, limit):
        await asyncio.Event().wait()


def test_a_broker_that_falls_silent_does_not_hold_a_pull_for_ever(source):
    reading = Reading(Silent(0, 3), source.spec.kafka, TopicLanding(source.landed), patience_s=0.05)

    with pytest.raises(TimeoutError):
        asyncio.run(reading.run())


class Clinging:
    """A consumer whose broker never lets it go."""

    async def stop(self):
        await asyncio.Event().wait()


def test_a_broker_that_does_not_let_a_member_go_is_left_anyhow():
    asyncio.run(Client(Clinging(), "t").stop(0.05))
