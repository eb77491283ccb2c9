"""Where announcements go: something that takes one and returns when it is there for good."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from data_contracts.documents import TenantDocument
from recsys_pipelines.outbox.announcements import Announcement
from recsys_pipelines.outbox.topic import TopicSink
from recsys_pipelines.outbox.webhook import WebhookSink
from recsys_pipelines.sources.variables import expanded


class Sink(Protocol):
    """A receiver. After a crash it may get an announcement again, and knows it by its id."""

    @property
    def name(self) -> str:
        """What it is called in records and messages; holds no secret."""

    def send(self, announcement: Announcement) -> None:
        """Return once it is there. Raises ``NotDelivered``."""


def sinks(document: TenantDocument, environ: Mapping[str, str], now: Callable[[], datetime]) -> tuple[Sink, ...]:
    """Who is told of this tenant. Raises ``UnsetVariable`` that names the place in the document."""
    return tuple(_sinks(document, environ, now))


def _sinks(document: TenantDocument, environ: Mapping[str, str], now: Callable[[], datetime]) -> Iterator[Sink]:
    for number, hook in enumerate(document.notify.webhooks):
        place = f"tenant {document.tenant!r}, notify.webhooks[{number}]"
        secret = expanded(hook.secret, environ, what=f"{place}.secret")
        yield WebhookSink(expanded(hook.url, environ, what=f"{place}.url"), secret, now)
    for number, topic in enumerate(document.notify.topics):
        place = f"tenant {document.tenant!r}, notify.topics[{number}]"
        settings = {
            name: expanded(text, environ, what=f"{place}.settings.{name}") for name, text in topic.settings.items()
        }
        yield TopicSink(expanded(topic.brokers, environ, what=f"{place}.brokers"), topic.topic, settings)
