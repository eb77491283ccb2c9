"""Messages of a Kafka topic as a source: a consumer group copies them to the landing area, whose files are the parts.

A pull is ``kafka_reading``, what it leaves behind ``kafka_landing``; here they meet the client library and the tenant
document.
"""

import asyncio
from datetime import datetime

from data_contracts.source_specs import Kafka
from recsys_pipelines.sources.kafka_client import connected, refused
from recsys_pipelines.sources.kafka_landing import Counted, TopicLanding
from recsys_pipelines.sources.kafka_reading import PROBE_S, Reading
from recsys_pipelines.sources.landed import LandedSource, Watermark, source_name
from recsys_pipelines.sources.source import Pulled
from recsys_pipelines.sources.variables import expanded


class KafkaSource(LandedSource):
    """The topic of one entry of a tenant document; a mapping may use ``__kafka.key`` and the like as columns."""

    @property
    def name(self) -> str:
        """The source in keys: the same whatever the list of brokers, another for another group."""
        return source_name(f"kafka {self._kafka.topic}", {"topic": self._kafka.topic, "group": self._group})

    def pull(self, now: datetime) -> Pulled:
        """Land what the topic has, up to its end as of now, or until nothing comes.

        Raises ``SourceError`` if the broker cannot be used, or has fewer messages than were landed already.
        """
        landing = TopicLanding(self.landed)
        counted = asyncio.run(self._read(landing))
        landing.begin()
        self.landed.sweep(self.landed.record()[0] or Watermark(), now)
        watermark = " ".join(f"{partition}:{offset}" for partition, offset in landing.next().items())
        return Pulled(self.name, counted.rows, counted.files, counted.dead_letters, watermark)

    async def _read(self, landing: TopicLanding) -> Counted:
        brokers = self._expanded(self._kafka.brokers, "brokers")
        settings = {name: self._expanded(text, f"settings.{name}") for name, text in self._kafka.settings.items()}
        with refused(self._kafka.topic, brokers):
            client = connected(brokers, self._group, self._kafka.topic, settings)
            try:
                return await Reading(client, self._kafka, landing).run()
            finally:
                await client.stop(PROBE_S)

    def _expanded(self, text: str, what: str) -> str:
        return expanded(text, self.place.environ, what=f"kafka.{what} of topic {self._kafka.topic!r}")

    @property
    def _kafka(self) -> Kafka:
        assert self.spec.kafka is not None  # checked where the document is read
        return self.spec.kafka

    @property
    def _group(self) -> str:
        return self._kafka.group or f"recsys-{self.place.tenant}"
