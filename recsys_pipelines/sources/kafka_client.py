"""The only module that knows the Kafka client library; partitions are numbers here, since a pull is about one topic."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from recsys_pipelines.sources.kafka_messages import Message
from recsys_pipelines.sources.source import SourceError

# The library is imported inside functions: 0.2 s, for tenants that have a topic.

_OURS = {"bootstrap_servers", "group_id", "enable_auto_commit", "auto_offset_reset", "ssl_context", "loop"}
_CERTIFICATES = {
    "ssl_cafile": "cafile",
    "ssl_certfile": "certfile",
    "ssl_keyfile": "keyfile",
    "ssl_password": "password",
}

_HINTS = {
    "UnsupportedCodecError": "the topic is compressed with snappy, lz4 or zstd, which needs the package cramjam",
    "KafkaConnectionError": "no broker answers there",
    "TopicAuthorizationFailedError": "the account may not read the topic",
    "GroupAuthorizationFailedError": "the account may not use the group",
}

Hand = Callable[[Sequence[int]], Awaitable[None]]


class Bounds(NamedTuple):
    """The first offset that a partition still has, and the one that its next message will get."""

    first: int
    end: int


class Client:
    """One member of a consumer group, on one topic."""

    def __init__(self, consumer: Any, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic

    async def start(self, assigned: Hand, revoked: Hand) -> None:
        """Join the group; from now on the two are told which partitions are ours, and which no longer."""
        self._consumer.subscribe([self._topic], listener=_listener(assigned, revoked))
        await self._consumer.start()

    async def poll(self, seconds: float, limit: int) -> list[Message]:
        """The next messages, at most ``limit``, in order within a partition; none if none came for so long."""
        found = await self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=limit)
        return [
            Message(each.topic, each.partition, each.offset, each.timestamp, each.key, each.value)
            for messages in found.values()
            for each in messages
        ]

    async def bounds(self, partitions: Sequence[int]) -> dict[int, Bounds]:
        """What the broker has of these partitions now."""
        named = [self._named(partition) for partition in partitions]
        firsts, ends = await self._consumer.beginning_offsets(named), await self._consumer.end_offsets(named)
        return {each.partition: Bounds(firsts[each], ends[each]) for each in named}

    def seek(self, partition: int, offset: int) -> None:
        """Go on at that offset."""
        self._consumer.seek(self._named(partition), offset)

    async def commit(self, partition: int, offset: int) -> None:
        """Tell the group how far the partition was read, if it still is ours; nothing is ever decided by it."""
        from aiokafka.errors import CommitFailedError, IllegalStateError  # type: ignore[import-untyped]  # noqa: PLC0415

        with suppress(CommitFailedError, IllegalStateError):
            await self._consumer.commit({self._named(partition): offset})

    async def stop(self, seconds: float) -> None:
        """Leave the group; a broker that does not let us go within so long will notice by itself that we are gone."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._consumer.stop(), seconds)

    def _named(self, partition: int) -> Any:
        from aiokafka import TopicPartition  # type: ignore[import-untyped]  # noqa: PLC0415

        return TopicPartition(self._topic, partition)


def connected(brokers: str, group: str, topic: str, settings: Mapping[str, str]) -> Client:
    """A client that has not started yet. Raises ``SourceError`` for settings that the library does not have."""
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415

    options = {"isolation_level": "read_committed"} | client_options(settings, inspect.signature(AIOKafkaConsumer))
    try:
        consumer = AIOKafkaConsumer(
            **options,
            bootstrap_servers=brokers,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # asked for only until we have sought where the landing area ends
        )
    except ValueError as error:
        raise _refusal(topic, brokers, error) from error
    return Client(consumer, topic)


@contextmanager
def refused(topic: str, brokers: str) -> Iterator[None]:
    """Failures of the library as ``SourceError``, without their texts, which may repeat the settings."""
    from aiokafka.errors import KafkaError  # noqa: PLC0415

    try:
        yield
    except (KafkaError, TimeoutError) as error:
        raise _refusal(topic, brokers, error) from error


def _refusal(topic: str, brokers: str, error: Exception) -> SourceError:
    name = type(error).__name__
    hint = f" ({_HINTS[name]})" if name in _HINTS else ""
    return SourceError(
        f"topic {topic!r} at {brokers}: {name}{hint}; what was landed is safe, and the next run goes on from there"
    )


def client_options(settings: Mapping[str, str], signature: inspect.Signature) -> dict[str, Any]:
    """A document's settings as the library's arguments. Raises ``SourceError`` for one that it does not have."""
    certificates = {_CERTIFICATES[name]: text for name, text in settings.items() if name in _CERTIFICATES}
    plain = {name: text for name, text in settings.items() if name not in _CERTIFICATES}
    known = sorted(signature.parameters.keys() - _OURS)
    for name in plain:
        if name not in known:
            raise SourceError(
                f"kafka.settings: {name!r} cannot be set; there are {', '.join([*known, *_CERTIFICATES])}"
            )
    options = {name: _typed(name, text, signature.parameters[name].default) for name, text in plain.items()}
    return options | _encrypted(certificates, settings.get("security_protocol", ""))


def _encrypted(certificates: Mapping[str, str], protocol: str) -> dict[str, Any]:
    from aiokafka.helpers import create_ssl_context  # type: ignore[import-untyped]  # noqa: PLC0415

    if not certificates and "SSL" not in protocol:
        return {}
    try:
        return {"ssl_context": create_ssl_context(**certificates)}
    except OSError as error:  # also of certificates that are none
        raise SourceError(f"kafka.settings: the files of ssl_* cannot be used: {error.strerror}") from error


def _typed(name: str, text: str, default: object) -> object:
    """A setting as the library wants it, which its default tells."""
    if isinstance(default, bool):
        return text.lower() == "true"
    if not isinstance(default, int):
        return text
    try:
        return int(text)
    except ValueError as error:
        raise SourceError(f"kafka.settings: {name} is a whole number, such as {default}") from error


def _listener(assigned: Hand, revoked: Hand) -> Any:
    from aiokafka import ConsumerRebalanceListener  # noqa: PLC0415

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # the library ships no types
        async def on_partitions_assigned(self, partitions: Any) -> None:
            await assigned([each.partition for each in partitions])

        async def on_partitions_revoked(self, partitions: Any) -> None:
            await revoked([each.partition for each in partitions])

    return Listener()
