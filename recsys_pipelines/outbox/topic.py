"""Announcements as messages of a Kafka topic: the key is the tenant, so that a tenant's stay in order."""

import asyncio
import inspect
from collections.abc import Mapping
from dataclasses import dataclass

from recsys_pipelines.outbox.announcements import Announcement, NotDelivered
from recsys_pipelines.sources.kafka_client import client_options
from recsys_pipelines.sources.source import SourceError

PATIENCE_S = 20.0  # to connect, to send and to leave; then the next delivery tries again


@dataclass(frozen=True)
class TopicSink:
    """A topic. A message counts as taken when all replicas in sync have it."""

    brokers: str
    topic: str
    settings: Mapping[str, str]

    @property
    def name(self) -> str:
        """The topic and its brokers."""
        return f"kafka topic {self.topic} at {self.brokers}"

    def send(self, announcement: Announcement) -> None:
        """Write it, with its id in the header ``ce_id``. Raises ``NotDelivered``."""
        from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # noqa: PLC0415

        try:
            asyncio.run(asyncio.wait_for(self._sent(announcement), PATIENCE_S))
        except SourceError as error:
            raise NotDelivered(f"{self.name}: {error}") from error
        except (KafkaError, TimeoutError) as error:
            raise NotDelivered(f"{self.name} did not take {announcement.id} ({type(error).__name__})") from error

    async def _sent(self, announcement: Announcement) -> None:
        from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # noqa: PLC0415

        options = client_options(self.settings, inspect.signature(AIOKafkaProducer))
        producer = AIOKafkaProducer(bootstrap_servers=self.brokers, acks="all", **options)
        try:
            await producer.start()
            await producer.send_and_wait(
                self.topic,
                announcement.envelope(),
                key=announcement.told.tenant.encode(),
                headers=[("ce_id", announcement.id.encode()), ("ce_type", announcement.type.encode())],
            )
        finally:
            await producer.stop()
