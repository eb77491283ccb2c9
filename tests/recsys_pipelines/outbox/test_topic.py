"""Announcements on a real broker: in the tenant's order, acknowledged, and kept where the broker is not there."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from data_contracts.layout import outbox_key
from data_contracts.manifest import Refreshed, canonical
from recsys_pipelines.outbox.delivery import deliver
from recsys_pipelines.outbox.topic import TopicSink

pytestmark = pytest.mark.slow
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


def announce(blobs, generation):
    event = Refreshed(
        tenant="demo", surface="home", generation=generation, sha256="a" * 64, at=NOON, by="ana", reason="nightly"
    )
    blobs.create(outbox_key("demo", "home", generation), canonical(event))


async def messages(brokers, topic, count):
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415  (slow to import)

    consumer = AIOKafkaConsumer(topic, bootstrap_servers=brokers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [await asyncio.wait_for(consumer.getone(), 30) for _ in range(count)]
    finally:
        await consumer.stop()


@pytest.fixture
def outbox(second_store):
    return second_store.open()


def test_a_topic_gets_cloud_events_under_the_tenants_key(kafka, outbox):
    announce(outbox, 1)
    announce(outbox, 2)
    sink = TopicSink(kafka.address, "announcements", {})

    done = deliver(outbox, "demo", (sink,), lambda: NOON)

    got = asyncio.run(messages(kafka.address, "announcements", 2))
    assert done.waiting == 0
    assert [message.key for message in got] == [b"demo", b"demo"]
    assert [dict(message.headers)["ce_id"].decode() for message in got] == list(done.sent)
    assert [json.loads(message.value)["data"]["generation"] for message in got] == [1, 2]


def test_a_broker_that_is_not_there_keeps_the_announcement_waiting(outbox):
    announce(outbox, 1)

    done = deliver(outbox, "demo", (TopicSink("127.0.0.1:9", "announcements", {}),), lambda: NOON)

    assert (done.sent, done.waiting) == ((), 1)
    assert "kafka topic announcements at 127.0.0.1:9" in done.trouble


def test_a_setting_that_the_client_does_not_have_is_named(outbox):
    announce(outbox, 1)

    done = deliver(outbox, "demo", (TopicSink("127.0.0.1:9", "a", {"compresion_type": "zstd"}),), lambda: NOON)

    assert done.waiting == 1
    assert "'compresion_type' cannot be set" in done.trouble
