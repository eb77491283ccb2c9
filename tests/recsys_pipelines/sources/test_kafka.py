"""Pulls from a real broker. A pull joins a group, which takes this broker half a session."""

import base64
import json
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.source_specs import Field, Kafka, SourceSpec
from data_contracts.tables import EVENTS
from recsys_pipelines import mapping
from recsys_pipelines.sources.kafka import KafkaSource
from recsys_pipelines.sources.source import Needs, Place, Pulling, SourceError, UnsetVariable

pytestmark = pytest.mark.slow
NOW = datetime(2026, 3, 1, tzinfo=UTC)
QUICK = {"session_timeout_ms": "1000", "heartbeat_interval_ms": "100"}


@pytest.fixture
def reading(kafka, tmp_path):
    """Makes a source over a topic, with a landing area of the test's own."""

    def made(topic, *, environ=None, **changes):
        facts = {"brokers": kafka.address, "topic": topic, "idle_s": 1.0, "settings": QUICK} | changes
        place = Place("demo", tmp_path, environ or {}, DirectoryBlobs(tmp_path / "landing"))
        return KafkaSource(SourceSpec(kafka=Kafka(**facts)), place)

    return made


def numbered(first, last):
    return [b'{"n":%d}' % n for n in range(first, last)]


def landed(source):
    """The column ``n`` of every part, in order."""
    found = []
    for part in source.parts():
        with source.rows(part, Needs(("n",), ("n",))) as rows:
            found += [int(n) for n in rows.collect()["n"]]
    return found


def dead_letters(folder):
    files = sorted((folder / "landing" / "dead").rglob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_topics_are_read(kafka, reading, compression):
    topic = kafka.topic()
    kafka.send(topic, numbered(0, 2), compression=compression)

    source = reading(topic)
    source.pull(NOW)

    assert landed(source) == [0, 1]


def test_messages_land_once_and_a_second_pull_brings_only_new_ones(kafka, reading):
    topic = kafka.topic(partitions=2)
    source = reading(topic)
    kafka.send(topic, numbered(0, 3))
    kafka.send(topic, numbered(10, 12), partition=1)

    first = source.pull(NOW)
    kafka.send(topic, numbered(3, 5))
    second = source.pull(NOW)
    third = source.pull(NOW)

    assert isinstance(source, Pulling)
    assert [(each.rows, each.files, each.watermark) for each in (first, second, third)] == [
        (5, 2, "0:3 1:2"),
        (2, 1, "0:5 1:2"),
        (0, 0, "0:5 1:2"),
    ]
    assert sorted(landed(source)) == [0, 1, 2, 3, 4, 10, 11]


def test_a_landed_file_holds_at_most_a_batch_and_is_named_by_its_offsets(kafka, reading):
    topic = kafka.topic()
    source = reading(topic, batch_records=4)
    kafka.send(topic, numbered(0, 10))

    pulled = source.pull(NOW)

    assert (pulled.rows, pulled.files) == (10, 3)
    assert [part.name.partition("/")[2].split("-")[:3] for part in source.parts()] == [
        ["00000", f"{0:020}", f"{3:020}"],
        ["00000", f"{4:020}", f"{7:020}"],
        ["00000", f"{8:020}", f"{9:020}"],
    ]
    assert landed(source) == list(range(10))


def test_a_mapping_may_use_where_a_message_stood(kafka, reading):
    topic = kafka.topic()
    source = reading(topic)
    kafka.send(topic, [b'{"kind":"click",\n "item":{"id":"i1"},"__kafka":"theirs"}'] * 2, key=b"ann")
    source.pull(NOW)
    fields = {
        "event_id": Field(columns=("__kafka.partition", "__kafka.offset")),
        "ts": Field(column="__kafka.timestamp", time="ms"),
        "type": "kind",
        "user_id": "__kafka.key",
        "item_id": "item.id",
    }
    spec = SourceSpec(kafka=source.spec.kafka, fields=fields)
    (part,) = source.parts()

    with source.rows(part, mapping.needs(spec, EVENTS)) as rows:
        events = mapping.mapped(rows, EVENTS, spec, "EUR").select("event_id", "ts", "type", "user_id", "item_id")
        found = events.collect().rows()

    first = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert found == [
        ("0-0", first, "click", "ann", "i1"),
        ("0-1", first.replace(microsecond=1000), "click", "ann", "i1"),
    ]


def test_poison_is_kept_with_its_reason_and_stops_nothing(kafka, reading, tmp_path):
    topic = kafka.topic()
    source = reading(topic)
    large = b'{"n":"' + b"x" * (1 << 20) + b'"}'
    poison = [b"{broken", b"[1]", b'{"n":"\xff"}', b'{"n":1e999}', b"", large]
    kafka.send(topic, [b'{"n":1}', *poison, b'{"n":2}'])

    pulled = source.pull(NOW)

    letters = dead_letters(tmp_path)
    assert (pulled.rows, pulled.dead_letters, pulled.watermark) == (2, 6, "0:8")
    assert landed(source) == [1, 2]
    assert [letter["offset"] for letter in letters] == [1, 2, 3, 4, 5, 6]
    assert [letter["reason"].partition(":")[0] for letter in letters] == [
        "not JSON",
        "not a JSON object but a list",
        "not UTF-8",
        "not JSON",
        "empty (a tombstone)",
        "too large",
    ]
    assert {(letter["topic"], letter["partition"]) for letter in letters} == {(topic, 0)}
    assert [base64.b64decode(letter["value"]) for letter in letters[:3]] == poison[:3]
    assert letters[5]["bytes"] == len(large)
    assert len(letters[5]["value"]) < 10_000


def test_a_topic_of_poison_alone_and_an_empty_one_have_no_parts(kafka, reading):
    topic = kafka.topic()
    source = reading(topic)

    empty = source.pull(NOW)
    kafka.send(topic, [b"?", b"!"])
    poisoned = source.pull(NOW)

    assert (empty.rows, empty.dead_letters, poisoned.rows, poisoned.dead_letters) == (0, 0, 0, 2)
    assert source.parts() == []
    assert source.pull(NOW).dead_letters == 0


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from data_contracts.directory import DirectoryBlobs
from data_contracts.source_specs import Kafka, SourceSpec
from recsys_pipelines.sources.kafka import KafkaSource
from recsys_pipelines.sources.source import Place

brokers, topic, folder, when = sys.argv[1:]

class Deadly(DirectoryBlobs):
    '''Kills its process before or after the record is swapped.'''

    def replace(self, key, body, tag):
        if when == "before the record":
            os.kill(os.getpid(), signal.SIGKILL)
        tag = super().replace(key, body, tag)
        if when == "before the commit":
            os.kill(os.getpid(), signal.SIGKILL)
        return tag

    def create(self, key, body):
        if when == "after the dead letters" and key.startswith("pulled/"):
            os.kill(os.getpid(), signal.SIGKILL)
        super().create(key, body)

settings = {"session_timeout_ms": "1000", "heartbeat_interval_ms": "100"}
spec = SourceSpec(kafka=Kafka(brokers=brokers, topic=topic, idle_s=1, batch_records=4, settings=settings))
KafkaSource(spec, Place("demo", Path(folder), {}, Deadly(Path(folder) / "landing"))).pull(datetime.now(UTC))
"""


@pytest.mark.parametrize("when", ["after the dead letters", "before the record", "before the commit"])
def test_a_pull_that_is_killed_loses_nothing_and_lands_nothing_twice(kafka, reading, tmp_path, when):
    topic = kafka.topic()
    kafka.send(topic, [*numbered(0, 2), b"poison", *numbered(2, 9)])

    command = [sys.executable, "-c", KILLED, kafka.address, topic, str(tmp_path), when]
    killed = subprocess.run(command, check=False, capture_output=True, timeout=60)
    source = reading(topic, batch_records=6)
    source.pull(NOW)

    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert landed(source) == list(range(9))
    assert [letter["offset"] for letter in dead_letters(tmp_path)] == [2]


def test_two_members_of_a_group_of_which_one_leaves_land_every_message_once(kafka, reading):
    topic = kafka.topic(partitions=4)
    early, late = reading(topic, idle_s=4.0, batch_records=50), reading(topic, batch_records=50)
    for partition in range(4):
        kafka.send(topic, numbered(partition * 1000, partition * 1000 + 400), partition=partition)
    pulled = []
    members = [threading.Thread(target=lambda each=each: pulled.append(each.pull(NOW))) for each in (early, late)]
    sending = threading.Thread(
        target=lambda: [kafka.send(topic, numbered(p * 1000 + 400, p * 1000 + 500), partition=p) for p in range(4)]
    )

    for thread in (*members, sending):
        thread.start()
    for thread in (*members, sending):
        thread.join()
    late.pull(NOW)

    assert len(pulled) == 2
    assert sorted(landed(late)) == [p * 1000 + n for p in range(4) for n in range(500)]


@pytest.mark.parametrize("committed", [0, 5])
def test_what_was_landed_decides_and_not_what_the_group_committed(kafka, reading, committed):
    topic = kafka.topic()
    source = reading(topic, group=f"group-{topic}")
    kafka.send(topic, numbered(0, 3))
    source.pull(NOW)
    kafka.send(topic, numbered(3, 6))
    kafka.commit(f"group-{topic}", topic, committed)

    source.pull(NOW)

    assert landed(source) == [0, 1, 2, 3, 4, 5]
    assert kafka.committed(f"group-{topic}", topic) == 6


def test_a_topic_that_was_made_anew_is_an_error_that_says_so(kafka, reading):
    topic = kafka.topic()
    source = reading(topic)
    kafka.send(topic, numbered(0, 5))
    source.pull(NOW)
    kafka.delete(topic)
    kafka.topic(name=topic)
    kafka.send(topic, numbered(0, 1))

    with pytest.raises(SourceError, match=r"ends at offset 1, but 5 were landed"):
        source.pull(NOW)


def test_a_broker_that_is_down_is_an_error_without_secrets(reading):
    settings = {"security_protocol": "SASL_PLAINTEXT", "sasl_plain_username": "us", "sasl_plain_password": "${SECRET}"}
    source = reading("orders", brokers="127.0.0.1:1", settings=settings, environ={"SECRET": "hunter2"})

    with pytest.raises(SourceError, match=r"'orders' at 127.0.0.1:1: KafkaConnectionError \(no broker") as caught:
        source.pull(NOW)

    assert "hunter2" not in str(caught.value)


def test_a_broker_that_goes_away_is_an_error_and_what_was_landed_stays(own_kafka, reading):
    topic = own_kafka.topic()
    own_kafka.send(topic, numbered(0, 2))
    source = reading(topic, brokers=own_kafka.address)
    source.pull(NOW)
    own_kafka.stop()

    with pytest.raises(SourceError, match="KafkaConnectionError"):
        source.pull(NOW)

    assert landed(source) == [0, 1]


def test_a_broker_that_dies_during_a_pull_is_an_error_and_what_was_landed_counts(own_kafka, reading, tmp_path):
    topic = own_kafka.topic()
    own_kafka.send(topic, numbered(0, 300))
    source = reading(topic, brokers=own_kafka.address, batch_records=1)

    def kill():
        while not list((tmp_path / "landing").rglob("*.zst")):
            time.sleep(0.01)
        own_kafka.stop()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(SourceError, match=rf"'{topic}' at 127.0.0.1"):
        source.pull(NOW)
    killer.join()

    rows = landed(source)
    assert 0 < len(rows) < 300
    assert rows == list(range(len(rows)))


def test_a_variable_that_is_not_set_is_named(reading):
    source = reading("orders", settings={"sasl_plain_password": "${SECRET}"})

    with pytest.raises(UnsetVariable, match=r"settings.sasl_plain_password of topic 'orders' needs .* SECRET"):
        source.pull(NOW)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"acks": "all"}, "'acks' cannot be set; there are .*security_protocol", id="no such setting"),
        pytest.param({"group_id": "mine"}, "'group_id' cannot be set", id="one that the document has elsewhere"),
        pytest.param({"session_timeout_ms": "long"}, "session_timeout_ms is a whole number", id="no number"),
        pytest.param({"ssl_cafile": "/nowhere"}, "ssl_.* cannot be used: No such file", id="no certificate"),
        pytest.param({"security_protocol": "NONE"}, "ValueError", id="a value that the client refuses"),
    ],
)
def test_a_wrong_setting_is_an_error_that_says_what_there_is(reading, settings, message):
    with pytest.raises(SourceError, match=message):
        reading("orders", settings=settings).pull(NOW)


def test_the_columns_of_a_part_are_the_keys_of_its_messages(kafka, reading):
    topic = kafka.topic()
    source = reading(topic)
    kafka.send(topic, [b'{"n":1,"item":"a"}'])
    source.pull(NOW)

    assert source.columns(source.parts()[0]) == {"n": "int", "item": "text", "__kafka": "object"}


def test_the_same_messages_give_the_same_bytes(kafka, reading, tmp_path):
    topic = kafka.topic()
    kafka.send(topic, numbered(0, 3))
    source = reading(topic)
    place = Place("demo", tmp_path, {}, DirectoryBlobs(tmp_path / "second"))

    source.pull(NOW)
    KafkaSource(source.spec, place).pull(NOW)

    assert KafkaSource(source.spec, place).parts() == source.parts()
